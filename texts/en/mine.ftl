# The parts of the pages of a member.
mine-asked = Who asked?
mine-history = History
mine-data = My data
mine-requests = Requests

# How a purpose stands.
state-yes = Yes
state-no = No
state-none = Not chosen yet
state-done = We do this
state-needed = This is needed.
state-may-stop = You may always say: stop.
state-since = Chosen on { $date }.
state-since-until = Chosen on { $date }. It is valid until { $until }.
state-stopped-since = Stopped on { $date }.
state-not-chosen = Then we do not do it.
state-no-marketing = You want no promotion. So we do not do this.
state-revoked = The library stopped this on { $date }.
state-awaits-guardian = A parent or guardian must still say yes. Until then we do not do it.
state-expired = Your yes has ended. We do not do it any more.
state-outdated = Something has changed. So please choose again. Until then we do not do it.
state-sixteen = You are 16 now. So choose yourself. Until then we do not do it.
state-not-now = We do not do it now.

# P2: the overview.
choices-title = My choices
choices-lead = You choose what the library may do with your data. You can always change every choice.
choices-libraries = You are a member of { $count } libraries. You choose for each library.
choices-open = { $count ->
        [one] One choice is still open.
       *[other] { $count } choices are still open.
    } As long as you do not choose, we do not do it.
choices-restricted = Your data are locked. We only store them now.
choices-changed = You said yes before. This text has changed. Read it and choose again. Until then we do not do it.
choices-choose = Choose
choices-change = Change
choices-read = Read why
choices-stop-title = Rather no to everything?
choices-stop-text = You can stop everything you said yes to at once.
choices-stop-link = Stop everything

# P3: one question.
question-back = My choices
question-now = The answer now is:
question-legend = What do you choose?
question-yes = Yes, you may
question-no = No, I do not want that
question-go-on = You may go on with this
question-stop = Stop this
question-save = Save my choice
question-saved = Your choice is saved
question-stopped = We have stopped this.
question-goes-on = We go on with this. You can always stop it again.
question-if-no = What if I choose no?
question-why = Why can I not choose?
question-full = Read the whole explanation
question-version = This is version { $version } of the text.
question-mistake = Something is not right yet
question-mistake-none = First choose one of the two answers.
question-mistake-text = The text has just changed. Read it and choose again.
question-mistake-changed = This choice has just been changed elsewhere. Look how it is now and choose again.
question-mistake-age = You are still too young to say yes to this.
question-mistake-guardians = Your other parent said no today. Then it stays no today.
question-no-marketing = You said that you want no promotion. A yes only counts here once you change that.
question-no-marketing-link = Allow promotion again

# P4 and P8: receipts.
receipt-title = Proof of your choice
receipt-number = Number
receipt-library = Library
receipt-when = When
receipt-who = Who chose
receipt-how = How
receipt-data = Data
receipt-until = Valid until
receipt-text = What you read
receipt-text-version = Version { $version } of the text
receipt-note = Note
receipt-done-yes = Do you want to stop? You always can, here or at the bottom of every mail.
receipt-done-no = We no longer do this. One message may still be on its way.
receipt-done-child = You said yes. Now a parent or guardian has to say yes too.
receipt-undo = I do not want it after all
receipt-change = Change my choice
receipt-pdf = Keep as PDF
receipt-everywhere = The same at your other libraries?
receipt-everywhere-text = Then we write down the same choice at each library below. You get a proof of every choice.
receipt-everywhere-button = Yes, the same everywhere
receipt-check = Is this proof real?
receipt-check-text = Yes. Your choice is in our book with this code. Nobody can change that book in secret.
receipt-json = Proof for a computer, signed
receipts-title = My proofs
receipts-lead = You get a proof of every choice. Keep it if you like.
receipts-none = You have not chosen anything yet.
receipts-open = Look at this proof
receipts-back = History
said-yes = You said yes to: { $title }.
said-no = You said no to: { $title }.
said-stop = You stopped: { $title }.
said-yes-child = You said yes to: { $title }. A parent or guardian must still say yes.
said-asked = The library asked you about: { $title }.
said-revoked = The library stopped: { $title }.
who-self = You.
who-guardian = A parent or guardian.
who-staff = Somebody of the library.
who-system = A system of the library.
who-import = Taken over from before.
way-web = On this website.
way-mail = With the link in a mail.
way-desk = At the desk.
way-paper = On paper.
way-phone = By telephone.
way-import = Taken over from another system.
way-app = With a program.

# P5: stop everything.
stop-title = Do you want to stop everything?
stop-lead = We then stop everything you said yes to. Your membership stays.
stop-ends = This stops
stop-ends-none = You have not said yes to anything now.
stop-ends-marketing = All promotion of your library
stop-stays = This stays
stop-stays-member = Your membership and the books you borrowed
stop-stays-messages = Messages about your books, such as: bring them back
stop-yes = Yes, stop everything
stop-no = No, change nothing
stop-done = We have stopped everything
stop-done-text = One message may still be on its way. You can always choose again later.

# P6: who asked.
asked-title = Who asked about me?
asked-summary = In these days { $systems } asked { $times } times whether something was allowed. The answer was yes { $yes } times and no { $no } times.
asked-span = From { $from } up to and including { $to }.
asked-systems = { $count ->
        [one] one system
       *[other] { $count } systems
    }
asked-none = Nobody asked about you in these days.
asked-explained = Every system must first ask whether it may. Is the answer no? Then the system was not allowed to do anything.
asked-filter = Which answers?
asked-all = All
asked-yes = Only yes
asked-no = Only no
asked-line = { $times ->
        [one] { $system } of { $library } asked: may we do this for “{ $purpose }”?
       *[other] { $system } of { $library } asked { $times } times: may we do this for “{ $purpose }”?
    }
asked-answer-yes = Answer: yes.
asked-answer-no = Answer: no.
asked-pages = Other days
asked-older = Earlier days
asked-newest = To today
asked-wrong = Is something wrong?
asked-wrong-text = Tell us. We will find out for you.
why-yes = You said yes.
why-member = This belongs to your membership.
why-law = The law says so.
why-task = This is part of the work of the library.
why-customer = You are a customer, and you did not say no.
why-not-chosen = You have not chosen.
why-no = You said no.
why-stopped = You stopped.
why-expired = Your yes had ended.
why-new-text = The text had changed.
why-guardian = A parent or guardian did not say yes.
why-sixteen = You are 16 and did not choose yet.
why-objected = You did not want this.
why-locked = Your data were locked.
why-channel = Not in this way, or not at that time.
why-rules = This system was not allowed to ask or do this.

# P7: history.
history-title = What happened
history-lead = Here is everything you chose, and what we wrote down. The newest is at the top.
history-receipts = Look at all your proofs
history-receipt = Look at the proof
history-none = Nothing has happened yet.
happened-objected = You no longer want this: { $title }.
happened-no-marketing = You want no promotion any more.
happened-objection-ended = This is allowed again: { $title }.
happened-marketing-again = Promotion is allowed again.
happened-registered = The library wrote down your data.
happened-identifier-added = The library wrote down a number or address of yours.
happened-identifier-removed = The library removed a number or address of yours.
happened-locked = Your data were locked.
happened-unlocked = Your data were unlocked.
happened-preferences = Your wishes for messages were saved.
happened-guardian = A parent or guardian was linked to you.
happened-guardian-ended = A parent or guardian is no longer linked to you.
happened-child = You were linked to a child as parent or guardian.
happened-child-ended = You are no longer linked to a child.
happened-enriched = Data from another place could be added, for: { $title }.
happened-told = We told you where those data came from.
happened-merged = You were in our system twice. Now it is once.
happened-expiry = Your yes ends soon: { $title }.
happened-held = We kept something longer, or no longer, for a legal case.
happened-condensed = We erased what we could no longer keep.

# P9: data.
data-title = This is what we know about you
data-lead = These are the data about you that are here. You may always look at them and take them along.
data-birth = Date of birth
data-membership = Membership
data-member = You are a member
data-member-since = Member since { $date }
data-language = Language
data-dutch = Dutch
data-english = English
data-guardians = Number of parents or guardians
data-children = Number of children
data-used = What do we use data for?
data-fetch = Get everything
data-fetched = Fetched on the website.
data-file = my-data.zip
data-ready = Your data are ready
data-ready-text = It is a folder with a page to read and files for a computer.
data-download = Download your data
data-waits = You are under 16. A parent or guardian must help you with this. Ask at the desk.
data-more = What else can you do?
data-erase = Erase
data-erase-text = Have erased what we know about you.
data-erase-link = Ask to erase
data-object = Object
data-object-text = Say that we may no longer do something.
data-object-link = Object to something
data-wrong = Is something wrong? Call or mail us, or come by. Then we correct it.

# P10: erasure.
erase-title = Do you want us to erase your data?
erase-lead = Choose what we should erase. Then we show you what you chose. Nothing happens yet.
erase-back = My data
erase-where = At which library?
erase-what = What should we erase?
erase-lists = Lists and tips that you made for me
erase-history = My history and my choices
erase-all = Everything possible
erase-next = Continue
erase-keeps = This we cannot erase yet
erase-keep-loans = Books that you still have
erase-keep-loans-why = Bring them back first.
erase-keep-law = We must keep this by law.
erase-mistake = Choose what we should erase.
erase-check-title = Is this right?
erase-check-text = Erasing cannot be undone. You have 7 days to change your mind. A member of staff first checks whether everything can be erased.
erase-check-everywhere = Erasing everything is only possible at all your libraries at once.
erase-yes = Yes, erase these data
erase-no = No, erase nothing

# P11: objection.
object-title = Do you not want us to do this?
object-lead = Sometimes we do something without asking first. You may always say: stop.
object-marketing = Promotion of { $library }
object-marketing-text = Do you want no more promotion? Then we stop at once. You do not have to say why.
object-marketing-since = You want no promotion since { $date }.
object-marketing-stop = Stop all promotion
object-marketing-again = Promotion is allowed again
object-stopped = We send you no more promotion. One message may still be on its way.
object-again = Promotion is allowed again. Where you said no, it stays no.
object-other = You can stop this too
object-why = Do you want to say why?
object-why-text = You do not have to. If you do, we answer within a month.
object-why-label = Your explanation
object-send = Send
object-empty = First tell us in short why.
object-long = Your text is too long. Make it shorter.

# P12: requests.
requests-title = My requests
requests-lead = Here you see what you asked us. We always say when you get an answer.
requests-none = You have not asked anything yet.
requests-erase-done = We have your request to erase. You have 7 days to change your mind.
requests-taken-back = Your request has ended. We erase nothing.
requests-taken-back-why = You changed your mind. We erase nothing.
requests-objection-done = We have your objection. You will get an answer.
requests-take-back = Do not erase after all
requests-more = Ask something else?
requests-more-text = Mail or call us. Or come to the desk.
request-access = See what we know about you
request-correct = Correct data
request-erase = Erase data
request-lock = Lock data
request-move = Take data along
request-object = Objection
request-open = You get an answer on or before { $date }.
request-later = It takes longer. You get an answer on or before { $date }.
request-waits = We still need something. Come by or call us, before { $date }.
request-done = Done on { $date }.
request-refused = We did not do this. We wrote to you on { $date }.
request-closed = Ended on { $date }.

# P15: the link in a mail.
leave-title = No more messages?
leave-lead = Do you want no more messages of { $library } about “{ $title }”? Press the button. You do not have to sign in.
leave-button = Unsubscribe me
leave-hint = Only these messages stop. The rest stays as it is.
leave-all = Look at all your choices
leave-done = You are unsubscribed
leave-done-lead = You will not get these messages any more.
leave-done-hint = One message may still be on its way. Want them again? Sign in and choose yes.
leave-unknown = This link does not work
leave-unknown-lead = Use the whole link of the message.
leave-unknown-hint = Still no luck? Call us, or come to the desk.

# P16: a question on a poster or a slip.
capture-may-say-no = The library asks you something. You may say no.
capture-choose = Sign in and choose
capture-later = Rather later?
capture-later-text = Scan this code with your phone. Or choose at the desk.
capture-code = Code to scan with your phone
