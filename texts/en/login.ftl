# Signing in.
login-title = Log in
login-lead = Log in to see and choose what the library does with your data.
login-account = With your library account
login-account-text = You go to the login page of your library for a moment. After that you come back here.
login-account-button = Log in with your library account
login-by-mail = With a link in your mail
login-by-mail-text = We send you a mail with a link. You need no password.
login-address = Your e-mail address
login-by-mail-button = Send me a link
login-closed = You cannot log in here now. Go to the desk or call your library.
login-cookie = When you log in, your browser keeps one cookie. It is gone when you log out.
login-mistake = Logging in did not work. Please try again.
login-mistake-unknown = We do not know this account as a member of a library. Go to the desk or call your library.
login-mistake-no-role = Your account has no role here. Ask the administrator of your library.
login-mistake-away = The login page of your library does not work now. Please try again later.
login-mistake-link = This link no longer works. A link works once, and for a quarter of an hour. Ask for a new one.
login-staff-title = Log in for staff
login-staff-lead = For staff at the desk, privacy officers and auditors.
login-staff-account = Log in with your work account
login-sent = Look in your mail
login-sent-lead = Do we know this address? Then you get a mail with a link soon.
login-sent-once = The link works once, and for a quarter of an hour.
login-sent-spam = No mail? Look in your spam too.
login-sent-desk = Does it not work? We help you at the desk.
login-again = Log in again
login-link = You are almost there
login-link-lead = Press the button to log in.
login-link-button = Log in
login-link-not-you = Did you not ask for this link? Then close this page. Nothing happens.
login-out = You are logged out
login-out-lead = Nobody can see your choices on this device now.
login-out-elsewhere = Are you on somebody else's computer?
login-out-elsewhere-link = Log out of your library account too
login-still-in = You are still logged in
login-still-in-lead = Do you want to log out? Press the button.
login-mail-subject = Log in to My privacy
login-mail-text =
    Hello,

    With this link you log in to My privacy:
    { $link }

    The link works once, and for a quarter of an hour.
    Did you not ask for this? Then you need not do anything. Nobody can see your data.

    Kind regards,
    { $library }
