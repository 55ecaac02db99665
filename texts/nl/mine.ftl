# The parts of the pages of a member.
mine-asked = Wie vroeg?
mine-history = Geschiedenis
mine-data = Mijn gegevens
mine-requests = Verzoeken

# How a purpose stands.
state-yes = Ja
state-no = Nee
state-none = Nog niet gekozen
state-done = Dit doen we
state-needed = Dit is nodig.
state-may-stop = Jij mag altijd zeggen: stop.
state-since = Gekozen op { $date }.
state-since-until = Gekozen op { $date }. Dit geldt tot { $until }.
state-stopped-since = Gestopt op { $date }.
state-not-chosen = Dan doen we het niet.
state-no-marketing = Je wilt geen reclame. Daarom doen we dit niet.
state-revoked = De bibliotheek stopte hiermee op { $date }.
state-awaits-guardian = Een ouder of verzorger moet nog ja zeggen. Tot dan doen we het niet.
state-expired = Je ja is verlopen. Nu doen we het niet meer.
state-outdated = Er is iets veranderd. Kies daarom opnieuw. Tot dan doen we het niet.
state-sixteen = Je bent nu 16. Kies daarom zelf. Tot dan doen we het niet.
state-not-now = Nu doen we het niet.

# P2: the overview.
choices-title = Mijn keuzes
choices-lead = Jij kiest wat de bibliotheek met jouw gegevens mag doen. Je kunt elke keuze altijd veranderen.
choices-libraries = Je bent lid van { $count } bibliotheken. Je kiest bij elke bibliotheek apart.
choices-open = { $count ->
        [one] Eén keuze staat nog open.
       *[other] { $count } keuzes staan nog open.
    } Zolang je niets kiest, doen we het niet.
choices-restricted = Je gegevens staan op slot. We gebruiken ze nu alleen om ze te bewaren.
choices-changed = Je zei eerder ja. Deze tekst is veranderd. Lees hem en kies opnieuw. Tot dan doen we het niet.
choices-choose = Kiezen
choices-change = Veranderen
choices-read = Lees waarom
choices-stop-title = Liever nergens ja op?
choices-stop-text = Je kunt in één keer stoppen met alles waar je ja op zei.
choices-stop-link = Alles stoppen

# P3: one question.
question-back = Mijn keuzes
question-now = Nu is het antwoord:
question-legend = Wat kies jij?
question-yes = Ja, dat mag
question-no = Nee, dat wil ik niet
question-go-on = Je mag hiermee doorgaan
question-stop = Stop hiermee
question-save = Keuze opslaan
question-saved = Je keuze is opgeslagen
question-stopped = We zijn hiermee gestopt.
question-goes-on = We gaan hiermee door. Je kunt altijd weer stoppen.
question-if-no = Wat als ik nee kies?
question-why = Waarom kan ik niet kiezen?
question-full = Lees de hele uitleg
question-version = Dit is versie { $version } van de tekst.
question-mistake = Er is iets nog niet goed
question-mistake-none = Kies eerst een van de twee antwoorden.
question-mistake-text = De tekst is net veranderd. Lees hem en kies opnieuw.
question-mistake-changed = Deze keuze is net ergens anders veranderd. Kijk hoe het nu is en kies opnieuw.
question-mistake-age = Je bent nog te jong om hier ja op te zeggen.
question-mistake-guardians = Je andere ouder zei vandaag nee. Dan blijft het vandaag nee.
question-no-marketing = Je zei dat je geen reclame wilt. Een ja telt hier pas weer als je dat verandert.
question-no-marketing-link = Reclame weer toestaan

# P4 and P8: receipts.
receipt-title = Bewijs van je keuze
receipt-number = Nummer
receipt-library = Bibliotheek
receipt-when = Wanneer
receipt-who = Wie koos
receipt-how = Hoe
receipt-data = Gegevens
receipt-until = Geldig tot
receipt-text = Wat je las
receipt-text-version = Versie { $version } van de tekst
receipt-note = Let op
receipt-done-yes = Wil je stoppen? Dat kan altijd. Dat doe je hier of onderaan elke mail.
receipt-done-no = We doen dit niet meer. Er kan nog één bericht onderweg zijn.
receipt-done-child = Jij zei ja. Nu moet een ouder of verzorger ook nog ja zeggen.
receipt-undo = Toch niet
receipt-change = Keuze veranderen
receipt-pdf = Bewaren als PDF
receipt-everywhere = Ook zo bij je andere bibliotheken?
receipt-everywhere-text = Dan schrijven we dezelfde keuze op bij elke bibliotheek hieronder. Je krijgt van elke keuze een bewijs.
receipt-everywhere-button = Ja, overal hetzelfde
receipt-check = Is dit bewijs echt?
receipt-check-text = Ja. Je keuze staat in ons boek met deze code. Niemand kan dat boek stiekem veranderen.
receipt-json = Bewijs voor een computer, met handtekening
receipts-title = Mijn bewijzen
receipts-lead = Van elke keuze krijg je een bewijs. Bewaar het als je wilt.
receipts-none = Je hebt nog niets gekozen.
receipts-open = Bekijk dit bewijs
receipts-back = Geschiedenis
said-yes = Je zei ja tegen: { $title }.
said-no = Je zei nee tegen: { $title }.
said-stop = Je stopte met: { $title }.
said-yes-child = Je zei ja tegen: { $title }. Een ouder of verzorger moet nog ja zeggen.
said-asked = De bibliotheek vroeg je iets over: { $title }.
said-revoked = De bibliotheek stopte met: { $title }.
who-self = Jij zelf.
who-guardian = Een ouder of verzorger.
who-staff = Iemand van de bibliotheek.
who-system = Een systeem van de bibliotheek.
who-import = Overgenomen van vroeger.
way-web = Via deze website.
way-mail = Met de link in een mail.
way-desk = Aan de balie.
way-paper = Op papier.
way-phone = Aan de telefoon.
way-import = Overgenomen uit een ander systeem.
way-app = Met een programma.

# P5: stop everything.
stop-title = Wil je met alles stoppen?
stop-lead = We stoppen dan met alles waar jij ja op zei. Je lidmaatschap blijft.
stop-ends = Dit stopt
stop-ends-none = Je zei nu nergens ja op.
stop-ends-marketing = Alle reclame van je bibliotheek
stop-stays = Dit blijft
stop-stays-member = Je lidmaatschap en je geleende boeken
stop-stays-messages = Berichten over je boeken, zoals: breng ze terug
stop-yes = Ja, stop met alles
stop-no = Nee, verander niets
stop-done = We zijn met alles gestopt
stop-done-text = Er kan nog één bericht onderweg zijn. Je kunt later altijd weer kiezen.

# P6: who asked.
asked-title = Wie vroeg iets over mij?
asked-summary = In deze dagen { $systems } { $times } keer of iets mocht. Het antwoord was { $yes } keer ja en { $no } keer nee.
asked-span = Van { $from } tot en met { $to }.
asked-systems = { $count ->
        [one] vroeg één systeem
       *[other] vroegen { $count } systemen
    }
asked-none = In deze dagen vroeg niemand iets over jou.
asked-explained = Elk systeem moet eerst vragen of het mag. Is het antwoord nee? Dan mocht het systeem niets doen.
asked-filter = Welke antwoorden?
asked-all = Alles
asked-yes = Alleen ja
asked-no = Alleen nee
asked-line = { $times ->
        [one] { $system } van { $library } vroeg: mag dit voor “{ $purpose }”?
       *[other] { $system } van { $library } vroeg { $times } keer: mag dit voor “{ $purpose }”?
    }
asked-answer-yes = Antwoord: ja.
asked-answer-no = Antwoord: nee.
asked-pages = Andere dagen
asked-older = Eerdere dagen
asked-newest = Naar vandaag
asked-wrong = Klopt er iets niet?
asked-wrong-text = Vertel het ons. We zoeken het voor je uit.
why-yes = Jij zei ja.
why-member = Dit hoort bij je lidmaatschap.
why-law = Dit moet van de wet.
why-task = Dit hoort bij het werk van de bibliotheek.
why-customer = Je bent klant, en je zei geen nee.
why-not-chosen = Je hebt niets gekozen.
why-no = Jij zei nee.
why-stopped = Jij bent gestopt.
why-expired = Je ja was verlopen.
why-new-text = De tekst was veranderd.
why-guardian = Een ouder of verzorger zei geen ja.
why-sixteen = Je bent 16 en koos nog niet zelf.
why-objected = Jij wilde dit niet.
why-locked = Je gegevens stonden op slot.
why-channel = Niet op deze manier, of niet op dat moment.
why-rules = Dit systeem mocht dit niet vragen of doen.

# P7: history.
history-title = Wat er gebeurde
history-lead = Hier staat alles wat jij koos, en wat wij opschreven. Het nieuwste staat bovenaan.
history-receipts = Bekijk al je bewijzen
history-receipt = Bekijk het bewijs
history-none = Er is nog niets gebeurd.
happened-objected = Je wilt dit niet meer: { $title }.
happened-no-marketing = Je wilt geen reclame meer.
happened-objection-ended = Dit mag weer: { $title }.
happened-marketing-again = Reclame mag weer.
happened-registered = De bibliotheek schreef je gegevens op.
happened-identifier-added = De bibliotheek schreef een nummer of adres van je op.
happened-identifier-removed = De bibliotheek haalde een nummer of adres van je weg.
happened-locked = Je gegevens gingen op slot.
happened-unlocked = Je gegevens gingen van slot.
happened-preferences = Je wensen voor berichten zijn opgeslagen.
happened-guardian = Een ouder of verzorger is aan jou verbonden.
happened-guardian-ended = Een ouder of verzorger is niet meer aan jou verbonden.
happened-child = Je bent aan een kind verbonden als ouder of verzorger.
happened-child-ended = Je bent niet meer aan een kind verbonden.
happened-enriched = Er mochten gegevens van een andere plek bij, voor: { $title }.
happened-told = We vertelden je waar die gegevens vandaan kwamen.
happened-merged = Je stond twee keer in ons systeem. Dat is nu één keer.
happened-expiry = Je ja verloopt bijna: { $title }.
happened-held = We bewaarden iets langer, of juist niet meer, voor een zaak.
happened-condensed = We wisten wat we niet meer mochten bewaren.

# P9: data.
data-title = Dit weten we van je
data-lead = Dit zijn de gegevens die hier over jou staan. Je mag ze altijd bekijken en meenemen.
data-birth = Geboortedatum
data-membership = Lidmaatschap
data-member = Je bent lid
data-member-since = Lid sinds { $date }
data-language = Taal
data-dutch = Nederlands
data-english = Engels
data-guardians = Aantal ouders of verzorgers
data-children = Aantal kinderen
data-used = Waarvoor gebruiken we gegevens?
data-fetch = Alles ophalen
data-fetched = Zelf opgehaald op de website.
data-file = mijn-gegevens.zip
data-ready = Je gegevens staan klaar
data-ready-text = Het is een map met een leesbare pagina en bestanden voor de computer.
data-download = Download je gegevens
data-waits = Je bent jonger dan 16. Een ouder of verzorger moet je hierbij helpen. Vraag het aan de balie.
data-more = Wat kun je nog meer?
data-erase = Wissen
data-erase-text = Laat wissen wat we van je weten.
data-erase-link = Vraag om te wissen
data-object = Bezwaar maken
data-object-text = Zeg dat we iets niet meer mogen doen.
data-object-link = Maak bezwaar
data-wrong = Klopt er iets niet? Bel of mail ons, of kom langs. Dan maken we het goed.

# P10: erasure.
erase-title = Wil je dat we je gegevens wissen?
erase-lead = Kies wat we moeten wissen. Daarna laten we zien wat je koos. Er gebeurt nog niets.
erase-back = Mijn gegevens
erase-where = Bij welke bibliotheek?
erase-what = Wat moeten we wissen?
erase-lists = Lijsten en tips die we voor mij maakten
erase-history = Mijn geschiedenis en mijn keuzes
erase-all = Alles wat kan
erase-next = Verder
erase-keeps = Dit kunnen we nog niet wissen
erase-keep-loans = Boeken die je nog hebt
erase-keep-loans-why = Breng ze eerst terug.
erase-keep-law = Dit moeten we van de wet bewaren.
erase-mistake = Kies wat we moeten wissen.
erase-check-title = Klopt dit?
erase-check-text = Wissen kan niet terug. Je hebt 7 dagen om je te bedenken. Een medewerker kijkt eerst of alles gewist kan worden.
erase-check-everywhere = Alles wissen kan alleen bij al je bibliotheken tegelijk.
erase-yes = Ja, wis deze gegevens
erase-no = Nee, wis niets

# P11: objection.
object-title = Wil je niet dat we dit doen?
object-lead = We doen soms iets zonder het eerst te vragen. Jij mag altijd zeggen: stop.
object-marketing = Reclame van { $library }
object-marketing-text = Wil je geen reclame meer? Dan stoppen we meteen. Je hoeft niet te zeggen waarom.
object-marketing-since = Je wilt geen reclame sinds { $date }.
object-marketing-stop = Stop alle reclame
object-marketing-again = Reclame mag weer
object-stopped = We sturen je geen reclame meer. Er kan nog één bericht onderweg zijn.
object-again = Reclame mag weer. Waar je nee op zei, blijft nee.
object-other = Dit kun je ook stoppen
object-why = Wil je zeggen waarom?
object-why-text = Dat hoeft niet. Vertel je het wel, dan antwoorden we binnen een maand.
object-why-label = Jouw uitleg
object-send = Versturen
object-empty = Vertel eerst in het kort waarom.
object-long = Je tekst is te lang. Maak hem korter.

# P12: requests.
requests-title = Mijn verzoeken
requests-lead = Hier zie je wat je ons vroeg. We zeggen er altijd bij wanneer je antwoord krijgt.
requests-none = Je hebt nog niets gevraagd.
requests-erase-done = We hebben je verzoek om te wissen. Je hebt 7 dagen om je te bedenken.
requests-taken-back = Je verzoek is gestopt. We wissen niets.
requests-taken-back-why = Je hebt je bedacht. We wissen niets.
requests-objection-done = We hebben je bezwaar. Je krijgt antwoord.
requests-take-back = Toch niet wissen
requests-more = Iets anders vragen?
requests-more-text = Mail of bel ons. Of kom langs bij de balie.
request-access = Bekijken wat we van je weten
request-correct = Gegevens beter maken
request-erase = Gegevens wissen
request-lock = Gegevens op slot
request-move = Gegevens meenemen
request-object = Bezwaar
request-open = Je krijgt antwoord voor of op { $date }.
request-later = Het duurt langer. Je krijgt antwoord voor of op { $date }.
request-waits = We hebben nog iets nodig. Kom langs of bel ons, voor { $date }.
request-done = Klaar op { $date }.
request-refused = We deden dit niet. Dat schreven we je op { $date }.
request-closed = Gestopt op { $date }.

# P15: the link in a mail.
leave-title = Geen berichten meer?
leave-lead = Wil je geen berichten meer van { $library } over “{ $title }”? Druk op de knop. Inloggen hoeft niet.
leave-button = Meld mij af
leave-hint = Alleen deze berichten stoppen. De rest blijft zoals het is.
leave-all = Bekijk al je keuzes
leave-done = Je bent afgemeld
leave-done-lead = Je krijgt deze berichten niet meer.
leave-done-hint = Er kan nog één bericht onderweg zijn. Toch weer berichten? Log in en kies ja.
leave-unknown = Deze link werkt niet
leave-unknown-lead = Neem de hele link uit het bericht.
leave-unknown-hint = Lukt het niet? Bel ons, of kom langs bij de balie.

# P16: a question on a poster or a slip.
capture-may-say-no = De bibliotheek vraagt je iets. Jij mag nee zeggen.
capture-choose = Log in en kies
capture-later = Liever later?
capture-later-text = Scan deze code met je telefoon. Of kies aan de balie.
capture-code = Code om met je telefoon te scannen
