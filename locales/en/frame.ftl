# What stands around every page.
months = Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
product = Liaison
skip = Skip to content
nav-main = Main
nav-home = Needs your answer
nav-deals = Co-sell
nav-leads = Leads
nav-insights = Insights
nav-administration = Administration
nav-notices = Notices
nav-preferences = Preferences
nav-sign-out = Sign out
nav-new-deal = New deal
nav-account = Account
unread-more = More than { $it } unread notices
unread = { $count ->
    [0] No unread notices
    [one] 1 unread notice
   *[other] { $count } unread notices
}
sandbox = Sandbox
sandbox-time = It is { $it } here (UTC)
theme-system = As the system
theme-light = Light
theme-dark = Dark
no-referrals-role = Your account has no Referrals role. Ask your account admin for "Referrals admin" or "Referrals user".
no-account-admin = Only an account admin may see this. Ask one of your company's account admins.
ago-now = just now
ago-minutes = { $count ->
    [one] 1 minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count ->
    [one] 1 hour ago
   *[other] { $count } hours ago
}
ago-days = { $count ->
    [one] 1 day ago
   *[other] { $count } days ago
}
failure-not-found = There is nothing here
failure-not-found-advice = The address is wrong, or what was here is not for your eyes. Go back, or start at the home page.
failure-forbidden = You may not do this
failure-forbidden-advice = Nothing was changed.
failure-invalid = This could not be done
failure-invalid-advice = Nothing was changed. Go back, mend what is listed here, and send it again.
failure-conflict = Something else happened meanwhile
failure-conflict-advice = Nothing was changed. Go back, look at how things stand now, and try again.
failure-too-costly = This took too long
failure-too-costly-advice = Ask for less: add a filter, or fewer words.
failure-unavailable = The server is busy
failure-unavailable-advice = Nothing was changed. Try again in a moment.
failure-broken = Something broke
failure-broken-advice = Nothing was changed. Tell the operator when this happened.
go-home = Go to the home page
go-back = Back
keys-title = Keys
keys-rows = Next or previous row
keys-open = Open the row
keys-search = Search
keys-close = Close what is open
close = Close
