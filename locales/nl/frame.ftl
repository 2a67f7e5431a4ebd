# Wat om elke pagina heen staat.
months = jan feb mrt apr mei jun jul aug sep okt nov dec
product = Liaison
skip = Naar de inhoud
nav-main = Hoofdmenu
nav-home = Wacht op antwoord
nav-deals = Co-sell
nav-leads = Leads
nav-insights = Inzichten
nav-administration = Beheer
nav-notices = Meldingen
nav-preferences = Voorkeuren
nav-sign-out = Afmelden
nav-new-deal = Nieuwe deal
nav-account = Account
unread-more = Meer dan { $it } ongelezen meldingen
unread = { $count ->
    [0] Geen ongelezen meldingen
    [one] 1 ongelezen melding
   *[other] { $count } ongelezen meldingen
}
sandbox = Sandbox
sandbox-time = Hier is het { $it } (UTC)
theme-system = Zoals het systeem
theme-light = Licht
theme-dark = Donker
no-referrals-role = Uw account heeft geen Referrals-rol. Vraag uw accountbeheerder om "Referrals admin" of "Referrals user".
no-account-admin = Alleen een accountbeheerder mag dit zien. Vraag het een van de accountbeheerders van uw bedrijf.
ago-now = zojuist
ago-minutes = { $count ->
    [one] 1 minuut geleden
   *[other] { $count } minuten geleden
}
ago-hours = { $count ->
    [one] 1 uur geleden
   *[other] { $count } uur geleden
}
ago-days = { $count ->
    [one] 1 dag geleden
   *[other] { $count } dagen geleden
}
failure-not-found = Hier is niets
failure-not-found-advice = Het adres klopt niet, of wat hier stond is niet voor u bestemd. Ga terug, of begin bij de startpagina.
failure-forbidden = U mag dit niet doen
failure-forbidden-advice = Er is niets veranderd.
failure-invalid = Dit kon niet
failure-invalid-advice = Er is niets veranderd. Ga terug, verbeter wat hier staat en verstuur het opnieuw.
failure-conflict = Er is intussen iets anders gebeurd
failure-conflict-advice = Er is niets veranderd. Ga terug, kijk hoe het er nu voor staat en probeer het opnieuw.
failure-too-costly = Dit duurde te lang
failure-too-costly-advice = Vraag minder: voeg een filter toe, of gebruik minder woorden.
failure-unavailable = De server is bezet
failure-unavailable-advice = Er is niets veranderd. Probeer het zo meteen opnieuw.
failure-broken = Er ging iets stuk
failure-broken-advice = Er is niets veranderd. Laat de beheerder weten wanneer dit gebeurde.
go-home = Naar de startpagina
go-back = Terug
keys-title = Toetsen
keys-rows = Volgende of vorige rij
keys-open = De rij openen
keys-search = Zoeken
keys-close = Sluiten wat open is
close = Sluiten
