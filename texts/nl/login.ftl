# Signing in.
login-title = Inloggen
login-lead = Log in. Dan zie en kies je wat de bibliotheek met jouw gegevens doet.
login-account = Met je account van de bibliotheek
login-account-text = Je gaat even naar de inlogpagina van je bibliotheek. Daarna kom je hier terug.
login-account-button = Inloggen met je account
login-by-mail = Met een link in je mail
login-by-mail-text = We sturen je een mail met een link. Je hebt geen wachtwoord nodig.
login-address = Je e-mailadres
login-by-mail-button = Stuur mij een link
login-closed = Je kunt hier nu niet inloggen. Ga naar de balie of bel je bibliotheek.
login-cookie = Als je inlogt, bewaart je browser één cookie. Die is weg als je uitlogt.
login-mistake = Het inloggen is niet gelukt. Probeer het nog een keer.
login-mistake-unknown = We kennen dit account niet als lid van een bibliotheek. Ga naar de balie of bel je bibliotheek.
login-mistake-no-role = Je account heeft hier geen rol. Vraag het aan de beheerder van je bibliotheek.
login-mistake-away = De inlogpagina van je bibliotheek doet het nu niet. Probeer het straks nog een keer.
login-mistake-link = Deze link werkt niet meer. Een link werkt één keer, en een kwartier lang. Vraag een nieuwe.
login-staff-title = Inloggen voor medewerkers
login-staff-lead = Voor medewerkers aan de balie, privacy-medewerkers en auditors.
login-staff-account = Inloggen met je werkaccount
login-sent = Kijk in je mail
login-sent-lead = Kennen we dit adres? Dan krijg je zo een mail met een link.
login-sent-once = De link werkt één keer, en een kwartier lang.
login-sent-spam = Geen mail gekregen? Kijk ook bij spam.
login-sent-desk = Lukt het niet? Aan de balie helpen we je.
login-again = Opnieuw inloggen
login-link = Je bent er bijna
login-link-lead = Druk op de knop om in te loggen.
login-link-button = Inloggen
login-link-not-you = Heb jij deze link niet gevraagd? Sluit dan deze pagina. Er gebeurt niets.
login-out = Je bent uitgelogd
login-out-lead = Niemand kan nu nog bij jouw keuzes op dit apparaat.
login-out-elsewhere = Zit je op een computer van iemand anders?
login-out-elsewhere-link = Log ook uit bij je bibliotheekaccount
login-still-in = Je bent nog ingelogd
login-still-in-lead = Wil je uitloggen? Druk op de knop.
login-mail-subject = Inloggen bij Mijn privacy
login-mail-text =
    Hallo,

    Met deze link log je in bij Mijn privacy:
    { $link }

    De link werkt één keer, en een kwartier lang.
    Heb jij dit niet gevraagd? Dan hoef je niets te doen. Niemand kan nu bij jouw gegevens.

    Groet,
    { $library }
