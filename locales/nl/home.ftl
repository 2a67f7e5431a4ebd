# De startpagina.
home-title = Wacht op antwoord
home-waiting-lead = { $count ->
    [0] Niets wacht op u.
    [one] Eén kans wacht op u. Zonder antwoord verloopt zij.
   *[other] { $count } kansen wachten op u. Zonder antwoord verlopen zij.
}
home-waiting-empty = Niets wacht op u. Nieuwe kansen verschijnen hier vanzelf.
home-outgoing = Wacht op de andere kant
home-outgoing-empty = Niemand is u een antwoord schuldig.
home-all = Toon alle { $it }
home-news = Sinds u het laatst keek
home-news-empty = Er is niets gebeurd sinds u het laatst keek.
home-news-did = { $it } door { $other }
home-news-more = Er is meer gebeurd; de lijst met deals op volgorde van wijziging heeft alles.
home-news-seen = Alles gezien
done-seen = Genoteerd: u hebt alles gezien.
