//! The figures as Markdown and as a plot, and their place in the documentation.

use std::fmt::Write;
use std::path::Path;

use super::{Kinds, Row};
use crate::Error;

/// Where the figures stand, from the root of the workspace.
const PAGE: &str = "docs/PERFORMANCE.md";
const PLOT: &str = "docs/snapshots.svg";
const BEGIN: &str = "<!-- snapshots: begin -->";
const END: &str = "<!-- snapshots: end -->";
/// The most memory that a step may take, in megabytes.
const MOST: f64 = 256.0;

/// One row, as it is printed while the next is measured.
pub(super) fn line(row: &Row) -> String {
    let Row {
        apply,
        pages,
        people,
        changes,
        ..
    } = row;
    format!(
        "| {} | {} | {:.1} | {:.2} | {} | {:.0} | {} | {:.0} | {:.0} | {:.0} | {:.0} |",
        thousands(u64::from(*people)),
        thousands(u64::from(*changes)),
        row.seconds,
        row.busy,
        row.invocations,
        megabytes(row.peak),
        thousands(apply.calls),
        apply.read.ceil(),
        apply.write,
        apply.index,
        pages.write,
    )
}

/// All of it.
pub(super) fn tables(rows: &[Row], kinds: &Kinds) -> String {
    let mut text = String::from(
        "| employees | changes | seconds | of a processor | invocations | peak, MB | calls | RCU | WCU | index WCU | WCU of the pages |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        text += &line(row);
        text.push('\n');
    }
    let rest = rows.iter().map(|row| row.rest).max().unwrap_or_default();
    let _ = write!(
        text,
        "\nBefore it begins, the process holds {:.0} MB.\n\n\
         | an employee who | WCU | index WCU |\n|---|--:|--:|\n",
        megabytes(rest)
    );
    let _ = writeln!(text, "| is unchanged | {} | 0 |", unchanged(rows));
    for (name, write, index) in kinds {
        let _ = writeln!(text, "| is {name} | {write:.1} | {index:.1} |");
    }
    text
}

/// Write units of one unchanged employee: how much more the largest snapshot without a change writes than the
/// smallest.
fn unchanged(rows: &[Row]) -> f64 {
    let mut none = rows.iter().filter(|row| row.changes == 0);
    let (Some(first), Some(last)) = (none.clone().next(), none.next_back()) else {
        return 0.0;
    };
    let more = last.apply.write + last.apply.index - first.apply.write - first.apply.index;
    more / f64::from(last.people.saturating_sub(first.people).max(1))
}

/// Puts table and plot into the documentation of the workspace that this runs in.
///
/// # Errors
/// [`Error::File`], or [`Error::Document`] where the page has no place for it.
pub(super) fn write(tables: &str, rows: &[Row]) -> Result<(), Error> {
    let page = std::fs::read_to_string(PAGE).map_err(Error::file(PAGE))?;
    let place = page.find(BEGIN).zip(page.find(END));
    let Some((begin, end)) = place.filter(|(begin, end)| begin < end) else {
        return Err(Error::document(PAGE, format!("it has no {BEGIN} … {END}")));
    };
    let (before, after) = (&page[..begin + BEGIN.len()], &page[end..]);
    let page = format!("{before}\n\n{}\n\n{after}", tables.trim_end());
    std::fs::write(Path::new(PAGE), page).map_err(Error::file(PAGE))?;
    std::fs::write(Path::new(PLOT), plot(rows)).map_err(Error::file(PLOT))
}

/// Two panels over the number of employees, both axes logarithmic: seconds of a processor, and peak memory with its
/// limit.
fn plot(rows: &[Row]) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 330\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"330\" fill=\"#fff\"/>\n",
    );
    let seconds = Panel::new(60.0, "seconds of a processor", rows, |row| row.busy);
    let memory = Panel::new(440.0, "peak memory, MB", rows, |row| megabytes(row.peak));
    seconds.draw(&mut svg, None);
    memory.draw(&mut svg, Some(MOST));
    for (number, (name, colour)) in SERIES.iter().enumerate() {
        let x = 60 + number * 130;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"306\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"316\">{name}</text>",
            x + 18
        );
    }
    svg + "</svg>\n"
}

const SERIES: [(&str, &str); 3] = [
    ("0 changes", "#4477aa"),
    ("12 changes", "#ccbb44"),
    ("1 % change", "#ee6677"),
];

struct Panel {
    left: f64,
    title: &'static str,
    /// Of each series, employees and figure.
    series: Vec<Vec<(f64, f64)>>,
}

const WIDTH: f64 = 280.0;
const TOP: f64 = 40.0;
const HEIGHT: f64 = 230.0;

impl Panel {
    fn new(left: f64, title: &'static str, rows: &[Row], figure: fn(&Row) -> f64) -> Self {
        let mut series = vec![Vec::new(); SERIES.len()];
        for (place, row) in rows.iter().enumerate() {
            if let Some(one) = series.get_mut(place % SERIES.len()) {
                one.push((f64::from(row.people), figure(row)));
            }
        }
        Self {
            left,
            title,
            series,
        }
    }

    fn draw(&self, svg: &mut String, limit: Option<f64>) {
        let all = self.series.iter().flatten();
        let figures = all.clone().map(|(_, figure)| *figure).chain(limit);
        let people = all.map(|(people, _)| *people);
        let (x, y) = (Scale::of(people), Scale::of(figures));
        let across = |value: f64| self.left + x.place(value) * WIDTH;
        let down = |value: f64| TOP + HEIGHT - y.place(value) * HEIGHT;
        let bottom = TOP + HEIGHT;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"24\" font-weight=\"bold\">{}</text>",
            self.left, self.title
        );
        for decade in y.decades() {
            let (at, right) = (down(decade), self.left + WIDTH);
            let _ = writeln!(
                svg,
                "<path d=\"M{} {at:.1}H{right}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{decade}</text>",
                self.left,
                self.left - 6.0,
                at + 4.0
            );
        }
        for decade in x.decades() {
            let at = across(decade);
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                thousands(decade as u64)
            );
        }
        if let Some(limit) = limit {
            let at = down(limit);
            let _ = writeln!(
                svg,
                "<path d=\"M{} {at:.1}h{WIDTH}\" stroke=\"#888\" stroke-dasharray=\"5 4\"/>\
                 <text x=\"{}\" y=\"{:.1}\" fill=\"#666\">{limit} MB</text>",
                self.left,
                self.left + 6.0,
                at - 5.0
            );
        }
        for (series, (_, colour)) in self.series.iter().zip(SERIES) {
            let mut path = String::new();
            for (place, (people, figure)) in series.iter().enumerate() {
                let (at, high) = (across(*people), down(*figure));
                let _ = write!(
                    path,
                    "{}{at:.1} {high:.1}",
                    if place == 0 { 'M' } else { 'L' }
                );
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{at:.1}\" cy=\"{high:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
            let _ = writeln!(
                svg,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
        }
    }
}

/// Whole decades around some values.
struct Scale {
    from: i32,
    to: i32,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let logs = values.map(|value| value.max(0.01).log10());
        let from = logs.clone().fold(f64::INFINITY, f64::min).floor() as i32;
        let to = logs.fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
        Self {
            from,
            to: to.max(from + 1),
        }
    }

    fn place(&self, value: f64) -> f64 {
        (value.max(0.01).log10() - f64::from(self.from)) / f64::from(self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.to).map(|power| 10_f64.powi(power))
    }
}

fn megabytes(bytes: u64) -> f64 {
    // No size of memory is beyond what a float says exactly.
    bytes as f64 / 1_048_576.0
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Cost;

    fn rows() -> Vec<Row> {
        let row = |people, changes| Row {
            people,
            changes,
            seconds: 1.5,
            busy: 0.5,
            invocations: 1,
            peak: 40 << 20,
            rest: 10 << 20,
            apply: Cost {
                calls: 1_234,
                read: 10.5,
                write: 66.0,
                index: 2.0,
            },
            pages: Cost::default(),
        };
        vec![
            row(1_000, 0),
            row(1_000, 12),
            row(1_000, 10),
            row(1_000_000, 0),
        ]
    }

    #[test]
    fn figures_are_rows_of_a_table_and_points_of_a_plot() {
        let text = tables(&rows(), &vec![("new", 6.0, 6.0)]);
        assert!(text.contains("| 1,000,000 | 0 | 1.5 | 0.50 | 1 | 40 | 1,234 | 11 | 66 | 2 | 0 |"));
        assert!(text.contains("| is unchanged | 0 | 0 |"), "{text}");
        let plot = plot(&rows());
        assert_eq!(plot.matches("<circle").count(), 8);
        assert!(plot.contains("256 MB"));
    }
}
