# The home page.
home-title = Needs your answer
home-waiting-lead = { $count ->
    [0] Nothing waits for you.
    [one] One opportunity waits for you. Unanswered, it expires.
   *[other] { $count } opportunities wait for you. Unanswered, they expire.
}
home-waiting-empty = Nothing waits for you. New opportunities appear here by themselves.
home-outgoing = Waits for the other side
home-outgoing-empty = Nobody owes you an answer.
home-all = Show all { $it }
home-news = Since you last looked
home-news-empty = Nothing has happened since you last looked.
home-news-did = { $it } by { $other }
home-news-more = More has happened; the list of deals in the order of their changes has it all.
home-news-seen = All seen
done-seen = Noted: you have seen it all.
