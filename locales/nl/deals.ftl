# Wat overal over deals gezegd wordt.
state-pending = Nieuw
state-received = Ontvangen
state-accepted = Aangenomen
state-won = Gewonnen
state-lost = Verloren
state-declined = Afgewezen
state-expired = Verlopen
state-error = Fout
unnamed-deal = Deal met { $it }
overdue = te laat
hours-left = { $count ->
    [0] nog minder dan een uur
    [one] nog 1 uur
   *[other] nog { $count } uur
}
days-left = { $count ->
    [one] nog 1 dag
   *[other] nog { $count } dagen
}
deal = Deal
customer = Klant
value = Waarde
closes = Sluit
status = Status
partner = Partner
answer-by = Antwoord voor
changed = Gewijzigd
accept = Aannemen
decline = Afwijzen
decline-this = Deze deal afwijzen
reason = Reden
reason-choose = Kies een reden
note = Toelichting
note-hint = De afzender leest dit.
cancel = Annuleren
done-open = Geopend.
done-accept = Aangenomen. De afzender weet ervan.
done-decline = Afgewezen. De afzender weet waarom.
done-win = Gefeliciteerd: gesloten als gewonnen.
done-lose = Gesloten als verloren.
done-closeAsError = Gesloten als fout.
done-withdraw = De uitnodiging is ingetrokken.
