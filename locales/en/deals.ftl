# What is said of deals everywhere.
state-pending = New
state-received = Received
state-accepted = Accepted
state-won = Won
state-lost = Lost
state-declined = Declined
state-expired = Expired
state-error = Error
unnamed-deal = Deal with { $it }
overdue = overdue
hours-left = { $count ->
    [0] less than an hour left
    [one] 1 hour left
   *[other] { $count } hours left
}
days-left = { $count ->
    [one] 1 day left
   *[other] { $count } days left
}
deal = Deal
customer = Customer
value = Value
closes = Closes
status = Status
partner = Partner
answer-by = Answer by
changed = Changed
accept = Accept
decline = Decline
decline-this = Decline this deal
reason = Reason
reason-choose = Choose a reason
note = Note
note-hint = The sender reads it.
cancel = Cancel
done-open = Opened.
done-accept = Accepted. The sender has been told.
done-decline = Declined. The sender has been told why.
done-win = Congratulations: closed as won.
done-lose = Closed as lost.
done-closeAsError = Closed as an error.
done-withdraw = The invitation was withdrawn.
