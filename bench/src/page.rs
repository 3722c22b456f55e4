//! The figures as Markdown and as a plot, and their place in the documentation.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::figures::Figures;
use crate::functions::Functions;
use crate::peers::{Row, Who};
use crate::reading::Speeds;
use crate::targets::Target;

/// Where the figures stand, from the root of the workspace.
const PAGE: &str = "docs/PERFORMANCE.md";
const PLOT: &str = "docs/functions.svg";
/// The name of the tables' place.
const PLACE: &str = "functions";

/// All of it.
pub(crate) fn tables(figures: &Figures, targets: &[Target]) -> String {
    let mut text = format!("Measured on {}.\n\n", figures.machine);
    beside(&mut text, &figures.peers);
    sizes(&mut text, &figures.functions);
    jobs(&mut text, &figures.functions);
    let Speeds {
        body,
        both,
        verified,
    } = figures.reading;
    let _ = writeln!(
        text,
        "A signed body of {:.2} MB with 5,000 events is verified and read at {both:.0} MB/s; verified alone, at \
         {verified:.0}.\n",
        body as f64 / 1e6
    );
    held(&mut text, targets);
    text
}

fn beside(text: &mut String, peers: &[Row]) {
    text.push_str(
        "| one HR event, a name changes | init, ms | start to first response, ms | first at 128 MB, ms | warm at 128 MB, ms \
         | warm p50, ms | p99, ms | CPU s per 1,000 | resident, MB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in peers {
        let (first, warm) = row.shared.unwrap_or((f64::NAN, f64::NAN));
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {} | {} | {:.2} | {:.2} | {:.2} | {:.1} |",
            row.who.name(),
            row.init,
            row.first,
            known(first),
            known(warm),
            row.p50,
            row.p99,
            row.busy,
            memory(row.resident),
        );
    }
    text.push('\n');
}

fn sizes(text: &mut String, functions: &Functions) {
    text.push_str("| function | MB | zipped, MB |\n|---|--:|--:|\n");
    for size in &functions.sizes {
        let _ = writeln!(
            text,
            "| `{}` | {:.2} | {:.2} |",
            size.function,
            size.bytes as f64 / 1e6,
            size.zipped as f64 / 1e6
        );
    }
    text.push('\n');
}

fn jobs(text: &mut String, functions: &Functions) {
    text.push_str(
        "| function | job | init, ms | start to first response, ms | warm p50, ms | p99, ms | CPU s per 1,000 \
         | resident, MB | peak, MB |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in &functions.rows {
        let _ = writeln!(
            text,
            "| `{}` | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} |",
            row.function,
            row.what,
            row.init,
            row.first,
            row.p50,
            row.p99,
            row.busy,
            memory(row.resident),
            memory(row.peak),
        );
    }
    text.push_str(
        "\n| function | job | calls of AWS | RCU | WCU | index WCU |\n|---|---|---|--:|--:|--:|\n",
    );
    for row in &functions.rows {
        let calls: Vec<_> = row
            .calls
            .iter()
            .map(|(call, count)| format!("{} {call}", plain(*count)))
            .collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            row.function,
            row.what,
            calls.join(", "),
            plain(row.read),
            plain(row.write),
            plain(row.index),
        );
    }
    text.push('\n');
}

/// What was wanted, and whether it was met.
pub(crate) fn held(text: &mut String, targets: &[Target]) {
    text.push_str("| target | wanted | measured | |\n|---|--:|--:|---|\n");
    for target in targets {
        let met = match target.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {met} |",
            target.what, target.wanted, target.measured
        );
    }
}

/// Puts tables and plot into the documentation of this workspace.
pub(crate) fn write(tables: &str, figures: &Figures) -> Result<()> {
    place(PLACE, tables)?;
    Ok(std::fs::write(root().join(PLOT), plot(&figures.peers))?)
}

/// Puts a text into the documentation, where marks name its place.
pub(crate) fn place(name: &str, text: &str) -> Result<()> {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path)?;
    Ok(std::fs::write(&path, placed(&page, name, text)?)?)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A page with a text between the marks of a name, instead of what was there.
fn placed(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- {name}: begin -->"),
        format!("<!-- {name}: end -->"),
    );
    let places = page.find(&begin).zip(page.find(&end));
    let Some((from, to)) = places.filter(|(from, to)| from < to) else {
        return Err(format!("{PAGE} has no {begin} … {end}").into());
    };
    let (before, after) = (&page[..from + begin.len()], &page[to..]);
    Ok(format!("{before}\n\n{}\n\n{after}", text.trim_end()))
}

/// Bars, the longest as wide as there is room, on a logarithmic axis: the start and a warm invocation of each.
fn plot(peers: &[Row]) -> String {
    let mut svg = String::new();
    let mut top = 0.0;
    top = panel(&mut svg, top, "start to first response, ms", peers, |row| {
        row.first
    });
    top = panel(&mut svg, top, "a warm invocation, ms", peers, |row| row.p50);
    top = panel(
        &mut svg,
        top,
        "seconds of a processor per 1,000",
        peers,
        |row| row.busy,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {top}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"760\" height=\"{top}\" fill=\"#fff\"/>\n{svg}</svg>\n"
    )
}

/// Draws one, and says where the next one begins.
fn panel(svg: &mut String, top: f64, title: &str, peers: &[Row], figure: fn(&Row) -> f64) -> f64 {
    const LEFT: f64 = 110.0;
    const WIDTH: f64 = 570.0;
    const LINE: f64 = 22.0;
    let most = peers.iter().map(figure).fold(0.1, f64::max).log10();
    let least = peers
        .iter()
        .map(figure)
        .fold(f64::MAX, f64::min)
        .log10()
        .floor();
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>",
        top + 24.0
    );
    let mut at = top + 34.0;
    for row in peers {
        let value = figure(row);
        let width = ((value.log10() - least) / (most - least)).max(0.0) * WIDTH;
        let colour = if row.who == Who::Ours {
            "#ee6677"
        } else {
            "#4477aa"
        };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{at}\" width=\"{width:.1}\" height=\"16\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{value:.2}</text>",
            LEFT - 8.0,
            at + 12.0,
            row.who.short(),
            LEFT + width + 6.0,
            at + 12.0,
        );
        at += LINE;
    }
    at + 6.0
}

/// A figure, or a dash where it is none.
pub(crate) fn known(figure: f64) -> String {
    if figure.is_nan() {
        "–".to_owned()
    } else {
        format!("{figure:.2}")
    }
}

/// A number without decimals where it has none.
pub(crate) fn plain(figure: f64) -> String {
    let text = format!("{figure:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn memory(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(who: Who, first: f64) -> Row {
        Row {
            who,
            init: 1.0,
            first,
            shared: None,
            p50: 0.5,
            p99: 1.0,
            busy: 0.3,
            resident: 7 << 20,
        }
    }

    #[test]
    fn what_was_measured_is_told_and_what_was_not_is_a_dash() {
        let figures = Figures {
            machine: "a machine".to_owned(),
            functions: Functions {
                sizes: Vec::new(),
                rows: Vec::new(),
            },
            peers: vec![row(Who::Ours, 5.25), row(Who::Python, 412.0)],
            reading: Speeds {
                body: 1_000_000,
                both: 312.4,
                verified: 1_700.0,
            },
        };
        let text = tables(&figures, &crate::targets::of(&figures));
        assert!(
            text.contains("| Python, boto3 | 1.00 | 412.00 | – | – | 0.50 |"),
            "{text}"
        );
        assert!(
            text.contains("read at 312 MB/s; verified alone, at 1700"),
            "{text}"
        );
        assert!(
            text.contains("| the same of Python, over ours | at least 60 × | 78.48 × | met |"),
            "{text}"
        );
        let drawn = plot(&figures.peers);
        assert_eq!(drawn.matches("<rect").count(), 1 + 3 * 2);
        assert!(drawn.contains("412.00"));
    }

    #[test]
    fn a_text_takes_the_place_of_the_one_before() {
        let page = "# Page\n\n<!-- a: begin -->\n\nold\n\n<!-- a: end -->\n\nend\n";
        let placed = placed(page, "a", "new\n\n").unwrap();
        assert_eq!(placed, page.replace("old", "new"));
        for lost in ["b", ""] {
            assert!(super::placed(page, lost, "new").is_err());
        }
        let turned = "<!-- a: end -->\n<!-- a: begin -->";
        assert!(super::placed(turned, "a", "new").is_err());
    }

    #[test]
    fn numbers_have_the_decimals_that_they_need() {
        assert_eq!(plain(3.0), "3");
        assert_eq!(plain(0.5), "0.5");
        assert_eq!(plain(120.0), "120");
    }
}
