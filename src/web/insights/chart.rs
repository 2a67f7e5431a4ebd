//! The geometry of charts. Templates draw them as SVG; every number stands beside its shape as text.
//!
//! Units are those of a drawing that is [`WIDTH`] wide and as high as it needs to be. The stylesheet scales the drawing
//! with the page, and its texts against it, so that they can be read on a phone.

/// Width of every drawing.
pub(super) const WIDTH: u64 = 360;
/// From one bar to the next: a line of text, the bar, and room.
const BAR_STEP: u64 = 38;
const BAR_TEXT_Y: u64 = 14;
const BAR_Y: u64 = 20;
const BAR_HEIGHT: u64 = 10;
/// Characters of a label that fit beside its number.
const LABEL_CHARS_MAX: usize = 30;

/// Where the lines are.
const LINE_LEFT: u64 = 34;
const LINE_RIGHT: u64 = 272;
const LINE_TOP: u64 = 14;
const LINE_BOTTOM: u64 = 168;
const LINE_HEIGHT: u64 = 194;
/// Room that the text at the end of a line needs.
const END_STEP: u64 = 15;
/// More points than this have no mark each.
const MARKS_MAX: usize = 32;

/// Something to draw.
pub(super) enum Chart {
    /// Horizontal bars.
    Bars(Bars),
    /// Stages that fewer and fewer reach.
    Funnel(Bars),
    /// Lines over time.
    Lines(Lines),
}

/// Horizontal bars, one below the other.
pub(super) struct Bars {
    /// Unique on the page.
    pub(super) id: String,
    pub(super) title: String,
    /// The same in words.
    pub(super) words: String,
    pub(super) height: u64,
    pub(super) bars: Vec<Bar>,
    /// What lies between two stages of a funnel, as points of a polygon.
    pub(super) drops: Vec<String>,
}

/// A bar with its text above.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) text_y: u64,
    pub(super) y: u64,
    pub(super) height: u64,
    pub(super) width: u64,
    /// Width of a paler bar behind, for a second number.
    pub(super) behind: u64,
}

/// What a bar is to show.
pub(super) struct BarInput {
    pub(super) label: String,
    /// The number as text.
    pub(super) value: String,
    pub(super) size: u64,
    /// A second, larger number.
    pub(super) behind: u64,
}

/// Lines over time.
pub(super) struct Lines {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) words: String,
    pub(super) height: u64,
    pub(super) left: u64,
    pub(super) right: u64,
    /// Texts at the left, with the height of their rule.
    pub(super) rules: Vec<(u64, String)>,
    /// Texts below, with their place and where they are anchored.
    pub(super) marks: Vec<(u64, String, &'static str)>,
    pub(super) lines: Vec<Line>,
}

/// A line with the text at its end.
pub(super) struct Line {
    /// Name of its style.
    pub(super) style: &'static str,
    pub(super) label: String,
    pub(super) label_y: u64,
    pub(super) points: String,
    /// Points that are marked, each by itself.
    pub(super) dots: Vec<(u64, u64)>,
    pub(super) end: (u64, u64),
}

/// What a line is to show.
pub(super) struct LineInput {
    pub(super) style: &'static str,
    pub(super) label: String,
    pub(super) values: Vec<u64>,
}

/// Lays out bars, the longest across the whole drawing.
pub(super) fn bars(id: &str, title: String, inputs: Vec<BarInput>) -> Bars {
    let most = inputs.iter().map(|it| it.size.max(it.behind)).max().unwrap_or(0);
    let told: Vec<String> = inputs.iter().map(|it| format!("{}: {}", it.label, it.value)).collect();
    let height = length(inputs.len()).saturating_mul(BAR_STEP);
    let bars = inputs.into_iter().enumerate().map(|(place, input)| {
        let top = length(place).saturating_mul(BAR_STEP);
        Bar {
            label: shortened(&input.label),
            value: input.value,
            text_y: top.saturating_add(BAR_TEXT_Y),
            y: top.saturating_add(BAR_Y),
            height: BAR_HEIGHT,
            width: scaled(input.size, most, WIDTH),
            behind: scaled(input.behind, most, WIDTH),
        }
    });
    Bars { id: id.to_owned(), title, words: told.join("; "), height, bars: bars.collect(), drops: Vec::new() }
}

/// Lays out the stages of a funnel.
pub(super) fn funnel(id: &str, title: String, inputs: Vec<BarInput>) -> Bars {
    let mut funnel = bars(id, title, inputs);
    let pairs = funnel.bars.iter().zip(funnel.bars.iter().skip(1));
    funnel.drops = pairs
        .map(|(one, next)| {
            let (top, bottom) = (one.y.saturating_add(one.height), next.y);
            format!("0,{top} {},{top} {},{bottom} 0,{bottom}", one.width, next.width)
        })
        .collect();
    funnel
}

/// Lays out lines over the same points in time, which are named by `names`.
pub(super) fn lines(id: &str, title: String, names: &[String], inputs: Vec<LineInput>) -> Lines {
    let most = inputs.iter().flat_map(|it| &it.values).copied().max().unwrap_or(0);
    let top = rounded_up(most);
    let x = |place: usize| {
        let last = length(names.len().saturating_sub(1));
        let middle = (LINE_RIGHT - LINE_LEFT) / 2;
        let offset = if last == 0 { middle } else { scaled(length(place), last, LINE_RIGHT - LINE_LEFT) };
        LINE_LEFT.saturating_add(offset)
    };
    let y = |value: u64| LINE_BOTTOM.saturating_sub(scaled(value, top, LINE_BOTTOM - LINE_TOP));
    let told: Vec<String> = inputs.iter().map(|it| it.label.clone()).collect();
    let mut lines: Vec<Line> = inputs
        .into_iter()
        .map(|input| {
            let points: Vec<(u64, u64)> =
                input.values.iter().enumerate().map(|(place, value)| (x(place), y(*value))).collect();
            let end = points.last().copied().unwrap_or((LINE_LEFT, LINE_BOTTOM));
            let text: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
            let dots = if points.len() > MARKS_MAX { Vec::new() } else { points };
            Line { style: input.style, label: input.label, label_y: end.1, points: text.join(" "), dots, end }
        })
        .collect();
    part_labels(&mut lines);
    let rules = [0, top / 2, top].map(|it| (y(it), it.to_string()));
    let rules = if top == 1 { vec![(y(0), "0".to_owned()), (y(1), "1".to_owned())] } else { rules.to_vec() };
    Lines {
        id: id.to_owned(),
        title,
        words: told.join("; "),
        height: LINE_HEIGHT,
        left: LINE_LEFT,
        right: LINE_RIGHT,
        rules,
        marks: marks(names, x),
        lines,
    }
}

/// Names the first point, the last one, and one between where there is room.
fn marks(names: &[String], x: impl Fn(usize) -> u64) -> Vec<(u64, String, &'static str)> {
    let last = names.len().saturating_sub(1);
    let places: &[(usize, &'static str)] = match last {
        0 => &[(0, "middle")],
        1..4 => &[(0, "start"), (last, "end")],
        _ => &[(0, "start"), (last / 2, "middle"), (last, "end")],
    };
    let named =
        places.iter().filter_map(|(place, anchor)| Some((x(*place), names.get(*place)?.clone(), *anchor)));
    named.collect()
}

/// Moves the texts at the ends of lines apart, so that none covers another, and keeps them in the drawing.
fn part_labels(lines: &mut [Line]) {
    let mut order: Vec<&mut Line> = lines.iter_mut().collect();
    order.sort_by_key(|it| it.label_y);
    let mut free = LINE_TOP;
    for line in &mut order {
        line.label_y = line.label_y.max(free);
        free = line.label_y.saturating_add(END_STEP);
    }
    let mut free = LINE_BOTTOM;
    for line in order.iter_mut().rev() {
        line.label_y = line.label_y.min(free);
        free = line.label_y.saturating_sub(END_STEP);
    }
}

/// Returns the next number that a scale may end with: 1, 2, 4, 6, 10, 20, 40 …
fn rounded_up(number: u64) -> u64 {
    let mut power: u64 = 1;
    loop {
        for step in [1_u64, 2, 4, 6] {
            let end = step.saturating_mul(power);
            if end >= number {
                return end;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// Returns the part of `width` that `part` is of `whole`; what is there at all is seen.
fn scaled(part: u64, whole: u64, width: u64) -> u64 {
    let scaled = u128::from(part).saturating_mul(u128::from(width)).checked_div(u128::from(whole));
    let scaled = scaled.and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
    if part > 0 { scaled.max(1) } else { scaled }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL_CHARS_MAX {
        return label.to_owned();
    }
    let short: String = label.chars().take(LABEL_CHARS_MAX.saturating_sub(1)).collect();
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{
        BarInput, LINE_BOTTOM, LINE_LEFT, LINE_RIGHT, LINE_TOP, LineInput, WIDTH, bars, funnel, lines,
    };

    fn input(label: &str, size: u64) -> BarInput {
        BarInput { label: label.to_owned(), value: size.to_string(), size, behind: 0 }
    }

    fn line(values: &[u64]) -> LineInput {
        LineInput { style: "first", label: format!("{values:?}"), values: values.to_vec() }
    }

    #[test]
    fn the_longest_bar_is_as_wide_as_the_drawing_and_the_shortest_is_seen() {
        let drawn = bars("b", String::new(), vec![input("a", 100_000), input("b", 1), input("c", 0)]);

        assert_eq!(drawn.bars.iter().map(|it| it.width).collect::<Vec<_>>(), [WIDTH, 1, 0]);
        assert!(drawn.bars.iter().all(|it| it.y + it.height <= drawn.height));
        assert!(bars("b", String::new(), vec![input("a", 0)]).bars[0].width == 0);
    }

    #[test]
    fn a_funnel_is_closed_between_its_stages() {
        let drawn = funnel("f", String::new(), vec![input("a", 4), input("b", 2), input("c", 1)]);

        assert_eq!(drawn.drops, ["0,30 360,30 180,58 0,58", "0,68 180,68 90,96 0,96"]);
    }

    #[test]
    fn lines_stay_in_the_drawing_and_their_labels_apart() {
        let names: Vec<String> = (0..10).map(|it| it.to_string()).collect();
        let same = [3, 1, 4, 1, 5, 9, 2, 6, 5, 5];
        let drawn = lines("l", String::new(), &names, vec![line(&same), line(&same), line(&[0; 10])]);

        assert_eq!(drawn.rules.last().map(|it| it.1.as_str()), Some("10"));
        for it in &drawn.lines {
            assert!(it.dots.iter().all(|(x, y)| {
                (LINE_LEFT..=LINE_RIGHT).contains(x) && (LINE_TOP..=LINE_BOTTOM).contains(y)
            }));
        }
        let mut ends: Vec<u64> = drawn.lines.iter().map(|it| it.label_y).collect();
        ends.sort_unstable();
        assert!(ends.windows(2).all(|it| it[1] - it[0] >= 15), "{ends:?}");
        assert!(ends.iter().all(|it| (LINE_TOP..=LINE_BOTTOM).contains(it)), "{ends:?}");
    }

    #[test]
    fn a_single_point_stands_in_the_middle() {
        let drawn = lines("l", String::new(), &["now".to_owned()], vec![line(&[0])]);

        assert_eq!(drawn.lines[0].points, "153,168");
        assert_eq!(drawn.marks.len(), 1);
    }
}
