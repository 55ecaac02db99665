# Navigation of members.
member-choices = Mijn keuzes
member-children = Kinderen
member-settings = Instellingen

# A question, wherever it is asked.
asking-yes = Ja
asking-no = Nee
asking-never = Er is nog niet gekozen. Dan doen we het niet.
asking-waits = Ja gezegd op { $day }. Een ouder moet het nog goed vinden.
asking-yes-self = Ja. Gekozen op { $day }.
asking-yes-guardian = Ja. Een ouder koos dit op { $day }.
asking-no-self = Nee. Gekozen op { $day }.
asking-no-guardian = Nee. Een ouder koos dit op { $day }.
asking-asked = Gevraagd op { $day }. Er is nog geen antwoord.
asking-revoked = De bibliotheek is hiermee gestopt op { $day }.
asking-change = Kiezen
asking-save = Keuze opslaan
asking-saved = De keuze is opgeslagen.
asking-data = Wat gebruiken we?
asking-recipients = Wie ziet het?
asking-if-no = Wat als ik nee kies?
asking-full = De hele uitleg
asking-mistake-choose = Kies ja of nee.
asking-mistake-changed = Iemand heeft dit net ook veranderd. Kijk hoe het nu is. Kies dan opnieuw.
asking-mistake-other-parent = De andere ouder zei vandaag nee. Dan blijft het nee. Praat er samen over. Morgen kun je opnieuw kiezen.
asking-mistake-no-guardian = We kennen deze ouder of voogd niet bij dit kind. Of het kind is al 16.
asking-mistake-fill-in = Er mist iets. Kijk of alles is ingevuld. Bij een papieren formulier hoort een nummer.

# Children.
children-title = Kinderen
children-lead = Is je kind jonger dan 16? Dan kies jij. Je kind mag zelf ook altijd stoppen.
children-none = We kennen geen kinderen bij jou. Ben je ouder of voogd? Kom samen naar de balie.
children-open = Bekijk de keuzes
children-who = Kind van { $age } jaar, lid { $number }
children-sixteen-note = Op de dag dat je kind 16 wordt, verdwijnt het hier. Dan kiest je kind zelf.
children-not-parent = Ben je geen ouder of voogd? Dan mag je hier niet kiezen.
children-choices = Keuzes voor je kind
children-you-choose = Je kiest voor: { $who }
children-at = Bij { $library }.
children-why = Je kind is jonger dan 16. Daarom kies jij. Vertel je kind wat je kiest.
children-own-log = Je kind is 12 of ouder. Wie er iets vroeg over je kind, ziet alleen je kind zelf.
children-until = Op { $day } wordt je kind 16. Vanaf die dag kiest je kind zelf.
children-tell = Vertel je kind wat je kiest. Je kind mag zelf ook altijd stoppen. Zegt een van de ouders nee? Dan is het nee.

# Turning 16.
sixteen-title = Je bent 16. Vanaf nu kies je zelf
sixteen-lead = Je ouder kan niet meer voor jou kiezen. Ook niet kijken wat jij kiest.
sixteen-inherited = Dit koos je ouder voor jou. Wil je dat het zo blijft?
sixteen-until = Kies je niets? Dan stopt dit op { $day }.
sixteen-stays = Kies je niets? Dan blijft dit zo. Stoppen kan altijd.
sixteen-yes = Ja, dit blijft zo
sixteen-no = Nee, stop ermee
sixteen-nothing = Je ouder koos niets dat nog loopt. Je hoeft niets te doen.
sixteen-all = Naar al mijn keuzes
sixteen-ahead = Als je 16 wordt
sixteen-ahead-lead = Op { $day } word je 16. Vanaf die dag kies je zelf.
sixteen-ahead-text = Nu kiest je ouder nog wat de bibliotheek mag. Jij mag zelf altijd stoppen. Op je verjaardag zie je hier wat je ouder koos. Dan zeg jij of het zo blijft.
sixteen-unknown = We weten niet hoe oud je bent. Ga naar de balie als dat niet klopt.

# Settings.
settings-title = Instellingen
settings-saved = Je instellingen zijn opgeslagen.
settings-language = In welke taal schrijven we je?
settings-language-text = Dit geldt voor mail en voor deze site, bij al je bibliotheken.
settings-receipts = Wil je een bewijs in je mail?
settings-receipts-text = Na elke keuze kun je een bewijs krijgen.
settings-receipts-yes = Ja, mail mij een bewijs
settings-receipts-no = Nee, geen mail
settings-letters = Grotere letters
settings-letters-text = Bovenaan elke pagina kun je kiezen voor grotere letters.
settings-libraries = Je bibliotheken
settings-libraries-text = Je kiest per bibliotheek. De ene bibliotheek ziet niet wat je bij de andere kiest.
settings-session = Waar je bent ingelogd
settings-session-account = Je logde in op { $since }, met je bibliotheekaccount.
settings-session-link = Je logde in op { $since }, met een link in je mail.
settings-out-elsewhere = Overal anders uitloggen
settings-out-elsewhere-done = Je bent overal anders uitgelogd.
settings-sixteen = Wat gebeurt er als ik 16 word?

# What people must hear by mail.
tiding-changed-subject = Een tekst is veranderd. Kies opnieuw
tiding-changed-text =
    Hallo,

    Jij zei eerder ja. De uitleg hiervan is veranderd:
    { $titles }

    Daarom doen we dit nu niet meer.
    Mag het wel? Lees de nieuwe tekst en kies opnieuw: { $link }
    Doe je niets? Dan blijft het nee.

    Groet,
    { $library }
tiding-changed-child-text =
    Hallo,

    Jij zei eerder ja voor je kind. De uitleg hiervan is veranderd:
    { $titles }

    Daarom doen we dit nu niet meer.
    Mag het wel? Lees de nieuwe tekst en kies opnieuw: { $link }
    Doe je niets? Dan blijft het nee.

    Groet,
    { $library }
tiding-sixteen-subject = Je bent 16. Vanaf nu kies je zelf
tiding-sixteen-text =
    Hallo,

    Je bent 16 geworden. Vanaf nu kies jij wat de bibliotheek met jouw gegevens mag doen.
    Je ouder kan dat niet meer, en ziet niet wat je kiest.

    Dit koos je ouder voor jou:
    { $titles }

    Wil je dat het zo blijft? Kijk en kies hier: { $link }

    Je ziet daar ook wat vanzelf stopt als je niets kiest.

    Groet,
    { $library }

# A receipt by mail.
receipt-mail-subject = Bewijs van je keuze
receipt-mail-text =
    Hallo,

    Je keuze is opgeslagen. Dit is je bewijs.
    Waarover: { $title }
    Antwoord: { $answer }
    Wanneer: { $when }
    Bij: { $library }
    Nummer: { $number }

    Wil je iets anders? Dat kan altijd: { $link }

    Groet,
    { $library }
