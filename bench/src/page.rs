//! `docs/performance.md`: every figure in it is one of the committed ones.
//!
//! The page says in comments, which no reader of the rendered page sees, where a figure comes
//! from, and `cargo xtask bench --update` writes it there:
//!
//! * `<!-- block parts -->` begins a table or a text, which goes on until `<!-- end -->`;
//! * `<!-- figure dpc.svme -->` stands before a number, inside a line. At its beginning a comment
//!   would end the paragraph.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::{read_text, write_if_changed};
use xtask::check::Check;

use crate::cost::{Figures, LIMITS, baseline};
use crate::demo::Times;
use crate::fleet;
use crate::peer::{self, Comparison};
use crate::tables::{self, grouped, times};

const BEGIN: &str = "<!-- ";
const CLOSE: &str = " -->";
const END: &str = "<!-- end -->";

/// Brings the committed page up to date.
pub(crate) fn update(workspace: &Workspace) -> Result<()> {
    let page = read_text(&path(workspace))?;
    write_if_changed(&path(workspace), Content::read(workspace)?.fill_in(&page)?)
}

/// Whether the committed page shows the committed figures.
pub(crate) fn check(workspace: &Workspace) -> Result<Check> {
    let page = read_text(&path(workspace))?;
    let filled = Content::read(workspace)?.fill_in(&page)?;
    let lines = page.lines().zip(filled.lines());
    let different = lines.filter(|(is, should)| is != should);
    let different: Vec<String> = different
        .map(|(is, should)| format!("`{is}` should be `{should}`"))
        .collect();
    Ok(Check::new(
        "docs/performance.md says what the files below bench have",
        page == filled,
        format!(
            "`cargo xtask bench --update` brings it up to date: {}",
            different.join("; ")
        ),
    ))
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/performance.md")
}

/// What a page can show, by name.
struct Content {
    blocks: BTreeMap<&'static str, String>,
    figures: BTreeMap<String, String>,
}

/// All committed figures.
#[derive(Clone)]
struct Committed {
    baseline: Figures,
    comparison: Comparison,
    demo: Times,
    fleet: fleet::Figures,
}

impl Committed {
    fn read(workspace: &Workspace) -> Result<Self> {
        Ok(Self {
            baseline: baseline::read(workspace)?,
            comparison: peer::read(workspace)?,
            demo: Times::read(workspace)?,
            fleet: fleet::Figures::read(workspace)?,
        })
    }
}

impl Content {
    fn read(workspace: &Workspace) -> Result<Self> {
        Ok(Self::of(&Committed::read(workspace)?))
    }

    fn of(committed: &Committed) -> Self {
        let Committed {
            baseline,
            comparison,
            demo,
            fleet,
        } = committed;
        let blocks = [
            ("parts", tables::parts(baseline).markdown()),
            ("indispensable", tables::indispensable().markdown()),
            ("snapshots", tables::snapshots(baseline).markdown()),
            (
                "machine",
                tables::snapshot_beside_the_peer(&comparison.figures).markdown(),
            ),
            (
                "peer",
                tables::beside_the_peer(&comparison.figures).markdown(),
            ),
            (
                "versions",
                tables::versions(&comparison.versions).markdown(),
            ),
            ("not-shown", peer::NOT_SHOWN.to_owned()),
            ("demo", tables::demo(demo).markdown()),
            ("fleet", tables::fleet(fleet).markdown()),
        ];
        let counted = baseline.iter().map(|(name, value)| (name.clone(), *value));
        let limits = LIMITS.iter();
        let limits = limits.map(|(name, most, _)| (format!("limit.{name}"), *most));
        let peers = comparison.figures.iter();
        let peers = peers.map(|(name, value)| (format!("peer.{name}"), *value));
        let least = tables::indispensable_sum();
        let rest = baseline.get("dpc").map(|dpc| dpc.saturating_sub(least));
        let rest = rest.map(|rest| ("dpc.rest".to_owned(), rest));
        let numbers = counted.chain(limits).chain(peers).chain(rest);
        let mut figures: BTreeMap<String, String> = numbers
            .map(|(name, value)| (name, grouped(value)))
            .collect();
        figures.extend(ratios(&comparison.figures));
        Self {
            blocks: blocks.into(),
            figures,
        }
    }

    /// The page with every figure as it is here, and all else as it was.
    fn fill_in(&self, page: &str) -> Result<String> {
        let mut shown = BTreeSet::new();
        let mut filled = String::new();
        let mut rest = page;
        while let Some((before, comment)) = rest.split_once(BEGIN) {
            let (words, after) = comment.split_once(CLOSE).context("a comment has no end")?;
            filled.extend([before, BEGIN, words, CLOSE]);
            match words.split_once(' ') {
                Some(("block", name)) => {
                    let block = self.blocks.get(name);
                    let block = block.with_context(|| format!("there is no block {name}"))?;
                    let (_, after) = after
                        .split_once(END)
                        .with_context(|| format!("block {name} has no end"))?;
                    filled.extend(["\n", block, "\n", END]);
                    shown.insert(name);
                    rest = after;
                }
                Some(("figure", name)) => {
                    let line = filled.lines().next_back().unwrap_or_default();
                    let line = line.split(BEGIN).next().unwrap_or_default();
                    ensure!(
                        line.contains(char::is_alphanumeric) || line.starts_with('|'),
                        "figure {name} is at the beginning of a line"
                    );
                    let figure = self.figures.get(name);
                    let figure = figure.with_context(|| format!("there is no figure {name}"))?;
                    ensure!(
                        after.starts_with(|next: char| next.is_ascii_digit()),
                        "there is no number behind figure {name}"
                    );
                    filled.push_str(figure);
                    rest = &after[number(after).len()..];
                }
                _ => bail!("a comment says `{words}`, which is neither a block nor a figure"),
            }
        }
        filled.push_str(rest);
        let missing = self.blocks.keys().find(|name| !shown.contains(*name));
        match missing {
            Some(name) => bail!("block {name} is not in it"),
            None => Ok(filled),
        }
    }
}

/// How many times a snapshot's figure those of the other ways are: for each number of processors,
/// and the least and the most of those with more than one.
fn ratios(figures: &Figures) -> BTreeMap<String, String> {
    let mut ratios = BTreeMap::new();
    for (way, _) in peer::WAYS {
        for quantity in ["cost", "set", "register"] {
            let mut several = Vec::new();
            for processors in peer::PROCESSORS {
                let of = |way: &str| figures.get(&format!("{way}.{quantity}.{processors}"));
                let Some((here, snapshot)) = of(way).zip(of(peer::SNAPSHOT)) else {
                    continue;
                };
                let name = format!("times.{way}.{quantity}.{processors}");
                ratios.extend(times(*here, *snapshot).map(|times| (name, times)));
                if processors > 1 {
                    several.push((*here, *snapshot));
                }
            }
            // In thousandths, lest those be equal that are not.
            several.sort_by_key(|(here, snapshot)| here * 1000 / snapshot.max(&1));
            for (end, fraction) in [("least", several.first()), ("most", several.last())] {
                let name = format!("times.{way}.{quantity}.{end}");
                let fraction = fraction.and_then(|(here, snapshot)| times(*here, *snapshot));
                ratios.extend(fraction.map(|times| (name, times)));
            }
        }
    }
    ratios
}

/// The number that a text begins with: digits, with commas and points between them.
fn number(text: &str) -> &str {
    let end = text.find(|next: char| !next.is_ascii_digit() && next != ',' && next != '.');
    let number = &text[..end.unwrap_or(text.len())];
    number.trim_end_matches([',', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of three digits or more that are no figures, and what they are.
    const CONSTANTS: [(&str, &str); 5] = [
        ("100", "snapshots of `client bench`"),
        ("128", "bytes that VMSAVE writes, and of a DPC's state"),
        ("255", "processors, the most that the bench has"),
        ("4096", "processors, of the client's benchmark"),
        ("65536", "cycles, the spin limit of the barrier"),
    ];

    fn content() -> Content {
        let parts = "| part | instructions |\n|---|---|\n| DPC | 298 |";
        Content {
            blocks: [("parts", parts.to_owned())].into(),
            figures: [("dpc".to_owned(), "1,298".to_owned())].into(),
        }
    }

    const PAGE: &str = "\
        A DPC takes <!-- figure dpc -->1,298, or\n\
        <!-- block parts -->\n\
        | part | instructions |\n|---|---|\n| DPC | 298 |\n\
        <!-- end -->\n";

    #[test]
    fn the_committed_page_shows_the_committed_figures() {
        let check = check(&Workspace::locate().unwrap()).unwrap();
        assert_eq!(check.violation, None);
    }

    /// Figures of the baseline that are not on the page: they follow from those that are.
    const UNSHOWN: [&str; 4] = [
        "allocations",
        "caller.per_processor",
        "critical_path.growth_percent",
        "interrupts.per_processor",
    ];

    #[test]
    fn a_figure_that_is_spoiled_is_noticed_wherever_it_comes_from() {
        let workspace = Workspace::locate().unwrap();
        let page = read_text(&path(&workspace)).unwrap();
        let committed = Committed::read(&workspace).unwrap();
        let is_noticed = |spoil: &dyn Fn(&mut Committed)| {
            let mut spoiled = committed.clone();
            spoil(&mut spoiled);
            Content::of(&spoiled).fill_in(&page).unwrap() != page
        };
        assert!(!is_noticed(&|_| {}));
        for name in committed.baseline.keys() {
            let shown = !UNSHOWN.contains(&&**name) && !name.starts_with("queued_by_dpcs.");
            let noticed = is_noticed(&|all| *all.baseline.get_mut(name).unwrap() += 1);
            assert_eq!(noticed, shown, "{name}");
        }
        for name in committed.comparison.figures.keys() {
            let spoil = |all: &mut Committed| {
                *all.comparison.figures.get_mut(name).unwrap() += 1;
            };
            assert!(is_noticed(&spoil), "{name}");
        }
        for name in committed.comparison.versions.keys() {
            let spoil = |all: &mut Committed| {
                all.comparison.versions.get_mut(name).unwrap().push('0');
            };
            assert!(is_noticed(&spoil), "{name}");
        }
        let spoil: [fn(&mut Committed); 9] = [
            |all| all.demo.cold_milliseconds += 1000,
            |all| all.demo.warm_milliseconds += 1000,
            |all| all.demo.processors += 1,
            |all| all.demo.system.push('0'),
            |all| all.fleet.machines += 1,
            |all| all.fleet.processors += 1,
            |all| all.fleet.machines_per_second += 1,
            |all| all.fleet.memory_mib += 1,
            |all| all.fleet.slowest_query_milliseconds += 1000,
        ];
        for (index, spoil) in spoil.iter().enumerate() {
            assert!(is_noticed(spoil), "{index}");
        }
    }

    #[test]
    fn no_figure_of_the_committed_page_comes_from_nowhere() {
        let page = read_text(&path(&Workspace::locate().unwrap())).unwrap();
        let alone: BTreeSet<&str> = unmarked_numbers(&page).into_iter().collect();
        let known: BTreeSet<&str> = CONSTANTS.iter().map(|(number, _)| *number).collect();
        assert_eq!(alone, known, "mark it as a figure, or say what it is");
    }

    /// Numbers of three digits or more outside blocks, behind no mark and in no code.
    fn unmarked_numbers(page: &str) -> Vec<&str> {
        let mut texts = Vec::new();
        for (index, part) in page.split(BEGIN).enumerate() {
            match part.split_once(CLOSE) {
                Some((words, _)) if words.starts_with("block ") => {}
                Some((words, after)) if words.starts_with("figure ") => {
                    texts.push(&after[number(after).len()..]);
                }
                Some((_, after)) => texts.push(after),
                None if index == 0 => texts.push(part),
                None => panic!("a comment has no end"),
            }
        }
        let prose = texts.iter().flat_map(|text| text.split('`').step_by(2));
        let words = prose.flat_map(|text| text.split(|next: char| !is_of_number(next)));
        words
            .map(|word| word.trim_matches([',', '.']))
            .filter(|word| word.chars().filter(char::is_ascii_digit).count() > 2)
            .collect()
    }

    fn is_of_number(next: char) -> bool {
        next.is_alphanumeric() || next == ',' || next == '.' || next == '_'
    }

    #[test]
    fn a_page_that_is_up_to_date_stays_as_it_is() {
        assert_eq!(content().fill_in(PAGE).unwrap(), PAGE);
    }

    #[test]
    fn wrong_figures_are_corrected_in_prose_and_in_tables() {
        let wrong = PAGE.replace("1,298", "1.5").replace("298 |", "99 |");
        assert_ne!(wrong, PAGE);
        assert_eq!(content().fill_in(&wrong).unwrap(), PAGE);
    }

    #[test]
    fn marks_that_cannot_be_followed_are_refused() {
        let refusal = |page: &str| content().fill_in(page).unwrap_err().to_string();
        let with = |line: &str| refusal(&format!("{line}\n{PAGE}"));
        assert_eq!(
            with("It takes <!-- figure no -->1."),
            "there is no figure no"
        );
        assert_eq!(
            with("It takes <!-- figure dpc --> many."),
            "there is no number behind figure dpc"
        );
        assert_eq!(
            with("* <!-- figure dpc -->1."),
            "figure dpc is at the beginning of a line"
        );
        assert_eq!(with("<!-- block no -->"), "there is no block no");
        assert_eq!(
            with("<!-- note -->"),
            "a comment says `note`, which is neither a block nor a figure"
        );
        assert_eq!(refusal("Nothing."), "block parts is not in it");
        let open = PAGE.replace(END, "");
        assert_eq!(refusal(&open), "block parts has no end");
    }

    #[test]
    fn numbers_behind_no_mark_are_seen() {
        assert_eq!(unmarked_numbers(PAGE), [] as [&str; 0]);
        let page = format!("It takes 938, of 24 KiB, `0x174`; 1,041,408.\n{PAGE}");
        assert_eq!(unmarked_numbers(&page), ["938", "1,041,408"]);
    }
}
