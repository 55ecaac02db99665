# The desk.
desk-navigation = Balie
desk-title = Keuzes aan de balie
desk-who = Je bent ingelogd als { $who }.
desk-lead = Zoek een lid met het lidnummer. Vraag om de pas.
desk-number = Lidnummer
desk-number-hint = Alleen het hele nummer. Zoeken op naam kan niet.
desk-library = Bibliotheek
desk-library-any = Waar het lid lid is
desk-find = Zoeken
desk-unknown = We vinden geen lid met dit nummer bij jouw bibliotheek. Kijk of het nummer klopt.
desk-too-old = Je zocht dit lid te lang geleden op. Zoek het lid opnieuw.
desk-say-why = Zeg eerst waarom je dit lid zoekt.
desk-why = Waarom zoek je dit lid?
desk-why-here = Het lid staat bij de balie
desk-why-phone = Het lid belt
desk-why-form = Er ligt een papieren formulier
desk-logged = We schrijven op dat jij zocht, en waarom.
desk-consents = Leg een ja of een nee vast. Was het ja? Dan stopt een nee het meteen.
desk-stops = Wil het lid dit niet meer? Dan stopt het meteen. Vraag niet waarom.
desk-marketing = Alle reclame van de bibliotheek
desk-runs = Dit doen we nu.
desk-record-stop = Stoppen of weer toestaan
desk-may-again = Dit mag weer
desk-read-object = Je mag altijd zeggen: stop. Je hoeft niet te zeggen waarom.
desk-member = Dit lid
desk-member-number = Lid { $number }
desk-age-title = Leeftijd
desk-age = { $age } jaar
desk-age-unknown = Niet bekend. Dan telt het lid als jonger dan 16.
desk-guardians = Ouders of voogden
desk-child = Dit lid is jonger dan 16. Een ja komt van een ouder. Een nee mag het kind zelf zeggen.
desk-turn-screen = Draai het scherm naar het lid, of lees voor. Kies niet zelf.
desk-record = Vraag en leg vast
desk-read-aloud = Lees dit voor
desk-read-data = Hiervoor gebruiken we: { $data }.
desk-read-who = Dit ziet het: { $who }.
desk-read-no = Zeg je nee? { $text }
desk-read-stop = Je mag nee zeggen. En je mag altijd stoppen.
desk-what-said = Wat zegt het lid?
desk-who-said = Wie zegt het?
desk-guardian = Een ouder of voogd
desk-child-self = Het kind zelf
desk-guardian-number = Lidnummer van de ouder of voogd
desk-how-said = Hoe?
desk-spoken = Gezegd aan de balie
desk-paper = Op een papieren formulier
desk-form-number = Nummer van het formulier
desk-form-number-hint = Nodig bij papier. Het staat rechts boven op het formulier.
desk-form-date = Datum op het formulier
desk-form-date-hint = Alleen bij papier. Leeg is vandaag.
desk-save = Vastleggen
desk-done = Het is vastgelegd
desk-done-text = Geef het lid dit bewijs mee, of laat het zien.
desk-done-waits = Het kind zei ja. Een ouder moet het nog goed vinden. Tot dan doen we het niet.
desk-receipt = Bewijs
desk-receipt-member = Lidnummer
desk-receipt-about = Waarover
desk-receipt-answer = Antwoord
desk-receipt-when = Wanneer
desk-receipt-how = Hoe
desk-receipt-text = Voorgelezen tekst
desk-receipt-version = Versie { $version }
desk-receipt-number = Heel nummer
desk-receipt-stop = Van gedachten veranderd? Dat kan altijd, in Mijn privacy of hier aan de balie.
desk-mailed = Het lid krijgt ook een mail: klopt dit?
desk-not-mailed = We kennen geen mailadres van dit lid. Print het bewijs.
desk-again = Nog een keuze van dit lid
desk-next = Volgend lid
desk-mail-subject = Iemand legde jouw keuze vast aan de balie
desk-mail-yes = ja
desk-mail-no = nee
desk-mail-stop = stop hiermee
desk-mail-again = dit mag weer
desk-mail-text =
    Hallo,

    Aan de balie van { $library } is jouw keuze vastgelegd.
    Waarover: { $title }
    Jouw antwoord: { $answer }

    Klopt dit? Dan hoef je niets te doen.
    Klopt dit niet? Verander het hier: { $link }
    Of bel ons: { $phone }

    Groet,
    { $library }
