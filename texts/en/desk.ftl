# The desk.
desk-navigation = Desk
desk-title = Choices at the desk
desk-who = You are logged in as { $who }.
desk-lead = Find a member by member number. Ask for the card.
desk-number = Member number
desk-number-hint = Only the whole number. You cannot search by name.
desk-library = Library
desk-library-any = Where the member is a member
desk-find = Find
desk-unknown = We find no member with this number at your library. Check the number.
desk-too-old = You looked this member up too long ago. Find the member again.
desk-say-why = First say why you look this member up.
desk-why = Why do you look this member up?
desk-why-here = The member is at the desk
desk-why-phone = The member calls
desk-why-form = There is a paper form
desk-logged = We write down that you looked, and why.
desk-consents = Record a yes or a no. Was it yes? Then a no stops it at once.
desk-stops = Does the member not want this any more? Then it stops at once. Do not ask why.
desk-marketing = All promotion of the library
desk-runs = We do this now.
desk-record-stop = Stop or allow again
desk-may-again = This is allowed again
desk-read-object = You can always say: stop. You do not have to say why.
desk-member = This member
desk-member-number = Member { $number }
desk-age-title = Age
desk-age = { $age } years
desk-age-unknown = Not known. Then the member counts as younger than 16.
desk-guardians = Parents or guardians
desk-child = This member is younger than 16. A yes comes from a parent. A no may be said by the child.
desk-turn-screen = Turn the screen to the member, or read aloud. Do not choose yourself.
desk-record = Ask and record
desk-read-aloud = Read this aloud
desk-read-data = For this we use: { $data }.
desk-read-who = This is who sees it: { $who }.
desk-read-no = If you say no: { $text }
desk-read-stop = You may say no. And you can always stop.
desk-what-said = What does the member say?
desk-who-said = Who says it?
desk-guardian = A parent or guardian
desk-child-self = The child
desk-guardian-number = Member number of the parent or guardian
desk-how-said = How?
desk-spoken = Said at the desk
desk-paper = On a paper form
desk-form-number = Number of the form
desk-form-number-hint = Needed with paper. It is at the top right of the form.
desk-form-date = Date on the form
desk-form-date-hint = Only with paper. Empty is today.
desk-save = Record
desk-done = It is recorded
desk-done-text = Give the member this receipt, or show it.
desk-done-waits = The child said yes. A parent must still agree. Until then we do not do it.
desk-receipt = Receipt
desk-receipt-member = Member number
desk-receipt-about = About
desk-receipt-answer = Answer
desk-receipt-when = When
desk-receipt-how = How
desk-receipt-text = Text that was read
desk-receipt-version = Version { $version }
desk-receipt-number = Whole number
desk-receipt-stop = Changed your mind? You always can, in My privacy or here at the desk.
desk-mailed = The member gets a mail too: is this right?
desk-not-mailed = We know no mail address of this member. Print the receipt.
desk-again = Another choice of this member
desk-next = Next member
desk-mail-subject = Somebody recorded your choice at the desk
desk-mail-yes = yes
desk-mail-no = no
desk-mail-stop = stop this
desk-mail-again = this is allowed again
desk-mail-text =
    Hello,

    At the desk of { $library } your choice was recorded.
    About: { $title }
    Your answer: { $answer }

    Is this right? Then you need not do anything.
    Is this wrong? Change it here: { $link }
    Or call us: { $phone }

    Kind regards,
    { $library }
