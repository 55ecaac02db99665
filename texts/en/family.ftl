# Navigation of members.
member-choices = My choices
member-children = Children
member-settings = Settings

# A question, wherever it is asked.
asking-yes = Yes
asking-no = No
asking-never = Nobody has chosen yet. So we do not do it.
asking-waits = Said yes on { $day }. A parent must still agree.
asking-yes-self = Yes. Chosen on { $day }.
asking-yes-guardian = Yes. A parent chose this on { $day }.
asking-no-self = No. Chosen on { $day }.
asking-no-guardian = No. A parent chose this on { $day }.
asking-asked = Asked on { $day }. There is no answer yet.
asking-revoked = The library stopped this on { $day }.
asking-change = Choose
asking-save = Save choice
asking-saved = The choice is saved.
asking-data = What do we use?
asking-recipients = Who sees it?
asking-if-no = What if I choose no?
asking-full = The whole explanation
asking-mistake-choose = Choose yes or no.
asking-mistake-changed = Somebody has just changed this too. Look how it is now. Then choose again.
asking-mistake-other-parent = The other parent said no today. So it stays no. Talk about it together. Tomorrow you can choose again.
asking-mistake-no-guardian = We do not know this parent or guardian of this child. Or the child is 16 already.
asking-mistake-fill-in = Something is missing. Look if everything is filled in. A paper form has a number.

# Children.
children-title = Children
children-lead = Is your child younger than 16? Then you choose. Your child can always say stop too.
children-none = We know no children with you. Are you a parent or guardian? Come to the desk together.
children-open = See the choices
children-who = Child of { $age }, member { $number }
children-sixteen-note = On the day your child turns 16, it is no longer here. Then your child chooses.
children-not-parent = Are you not a parent or guardian? Then you may not choose here.
children-choices = Choices for your child
children-you-choose = You choose for: { $who }
children-at = At { $library }.
children-why = Your child is younger than 16. That is why you choose. Tell your child what you choose.
children-own-log = Your child is 12 or older. Who asked about your child is for your child alone to see.
children-until = On { $day } your child turns 16. From that day your child chooses.
children-tell = Tell your child what you choose. Your child can always say stop too. Does one of the parents say no? Then it is no.

# Turning 16.
sixteen-title = You are 16. From now on you choose
sixteen-lead = Your parent can no longer choose for you. Nor see what you choose.
sixteen-inherited = Your parent chose this for you. Do you want it to stay this way?
sixteen-until = If you choose nothing, this stops on { $day }.
sixteen-stays = If you choose nothing, this stays. You can always stop.
sixteen-yes = Yes, this stays
sixteen-no = No, stop this
sixteen-nothing = Your parent chose nothing that still runs. You need not do anything.
sixteen-all = To all my choices
sixteen-ahead = When you turn 16
sixteen-ahead-lead = On { $day } you turn 16. From that day you choose yourself.
sixteen-ahead-text = Now your parent still chooses what the library may do. You can always say stop. On your birthday you see here what your parent chose. Then you say if it stays.
sixteen-unknown = We do not know how old you are. Go to the desk if that is wrong.

# Settings.
settings-title = Settings
settings-saved = Your settings are saved.
settings-language = In which language do we write to you?
settings-language-text = This is for mail and for this site, at all your libraries.
settings-receipts = Do you want a receipt in your mail?
settings-receipts-text = After each choice you can get a receipt.
settings-receipts-yes = Yes, mail me a receipt
settings-receipts-no = No, no mail
settings-letters = Larger letters
settings-letters-text = At the top of every page you can choose larger letters.
settings-libraries = Your libraries
settings-libraries-text = You choose for each library. One library does not see what you choose at another.
settings-session = Where you are logged in
settings-session-account = You logged in on { $since }, with your library account.
settings-session-link = You logged in on { $since }, with a link in your mail.
settings-out-elsewhere = Log out everywhere else
settings-out-elsewhere-done = You are logged out everywhere else.
settings-sixteen = What happens when I turn 16?

# What people must hear by mail.
tiding-changed-subject = A text has changed. Please choose again
tiding-changed-text =
    Hello,

    You said yes before. The explanation of this has changed:
    { $titles }

    That is why we do not do this any more.
    May we? Read the new text and choose again: { $link }
    If you do nothing, it stays no.

    Regards,
    { $library }
tiding-changed-child-text =
    Hello,

    You said yes for your child before. The explanation of this has changed:
    { $titles }

    That is why we do not do this any more.
    May we? Read the new text and choose again: { $link }
    If you do nothing, it stays no.

    Regards,
    { $library }
tiding-sixteen-subject = You are 16. From now on you choose
tiding-sixteen-text =
    Hello,

    You are 16 now. From now on you choose what the library may do with your data.
    Your parent can no longer do that, and does not see what you choose.

    This is what your parent chose for you:
    { $titles }

    Should it stay like this? Look and choose here: { $link }

    There you also see what stops by itself if you do not choose.

    Regards,
    { $library }

# A receipt by mail.
receipt-mail-subject = Receipt of your choice
receipt-mail-text =
    Hello,

    Your choice is saved. This is your receipt.
    About: { $title }
    Answer: { $answer }
    When: { $when }
    At: { $library }
    Number: { $number }

    Do you want something else? You always can: { $link }

    Kind regards,
    { $library }
