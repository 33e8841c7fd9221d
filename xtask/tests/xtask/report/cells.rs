//! The page's colours and links are those of the verdict, for machines in every state.

use std::collections::{BTreeMap, BTreeSet};

use client::{Extent, Severity, Snapshot, Verdict};

use super::looks::LOOKS;
use super::machines;

const GREEN: &str = "rgb(228, 240, 232)";
const GREEN_SQUARE: &str = "rgb(111, 179, 137)";

fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Alarm => "rgb(198, 40, 40)",
        Severity::Warning => "rgb(161, 92, 0)",
        Severity::Notice => "rgb(42, 93, 176)",
    }
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// In a row of a table.
    Processor(u32),
    /// In the list of what is the same everywhere.
    Everywhere,
}

/// A value as the browser shows it.
#[derive(Debug)]
struct Cell {
    place: Place,
    heading: String,
    text: String,
    colour: String,
    image: String,
    findings: Vec<String>,
    /// The finding that a click leads to.
    leads_to: String,
}

/// A square as the browser shows it.
#[derive(Debug)]
struct Square {
    processor: u32,
    colour: String,
    image: String,
    /// The row that a click leads to.
    leads_to: String,
}

struct Page {
    verdict: String,
    cells: Vec<Cell>,
    squares: Vec<Square>,
    /// The links of findings that lead nowhere.
    broken: String,
}

/// Notes how the browser shows a page: a line for each value, each square, and broken links.
pub(super) const SCRIPT: &str = r##"
        const looks = element => {
            const style = getComputedStyle(element);
            return [style.backgroundColor, style.backgroundImage];
        };
        const name = number => document.querySelector(`#f${number} h3 code`).textContent;
        const lines = [getComputedStyle(document.querySelector(".verdict")).color];
        for (const part of document.querySelectorAll("details")) part.open = true;
        for (const table of document.querySelectorAll(".grid table")) {
            const heads = [...table.querySelectorAll("thead th")].map(th => th.firstChild.textContent);
            for (const row of table.tBodies[0].rows)
                for (const td of row.querySelectorAll("td:not(.refused)")) {
                    const link = td.querySelector("a");
                    const to = link && document.querySelector(link.getAttribute("href") + " h3 code");
                    const value = td.cloneNode(true);
                    value.querySelectorAll("i").forEach(words => words.remove());
                    lines.push(["cell", parseInt(row.cells[0].textContent), heads[td.cellIndex],
                        value.textContent.trim(), ...looks(td),
                        (td.dataset.f || "").split(" ").filter(Boolean).map(name).join(" "),
                        to ? to.textContent : ""].join("\t"));
                }
        }
        for (const li of document.querySelectorAll(".same li"))
            lines.push(["cell", "", li.querySelector("b").textContent,
                li.querySelector("span").textContent, ...looks(li), "", ""].join("\t"));
        for (const square of document.querySelectorAll("#map a, #map b")) {
            const href = square.getAttribute("href");
            const row = href && document.querySelector(href);
            lines.push(["square", square.textContent, ...looks(square),
                row ? parseInt(row.cells[0].textContent) : ""].join("\t"));
        }
        const broken = [...document.querySelectorAll(".finding a")]
            .filter(link => !document.querySelector(link.getAttribute("href")));
        lines.push(["broken", broken.length].join("\t"));
        return lines.join("\n");
"##;

/// A machine's page, by the browser's own account of its looks.
fn page(machine: &str) -> Page {
    let mut lines = LOOKS.cells(machine).lines();
    let mut page = Page {
        verdict: lines.next().unwrap().to_owned(),
        cells: Vec::new(),
        squares: Vec::new(),
        broken: String::new(),
    };
    for line in lines {
        let parts: Vec<String> = line.split('\t').map(str::to_owned).collect();
        match parts[0].as_str() {
            "cell" => {
                let parts: [String; 8] = parts.try_into().unwrap();
                let [
                    _,
                    processor,
                    heading,
                    text,
                    colour,
                    image,
                    findings,
                    leads_to,
                ] = parts;
                page.cells.push(Cell {
                    place: processor
                        .parse()
                        .map_or(Place::Everywhere, Place::Processor),
                    heading,
                    text,
                    colour,
                    image,
                    findings: findings.split_whitespace().map(str::to_owned).collect(),
                    leads_to,
                });
            }
            "square" => {
                let [_, processor, colour, image, leads_to] = parts.try_into().unwrap();
                page.squares.push(Square {
                    processor: processor.parse().unwrap(),
                    colour,
                    image,
                    leads_to,
                });
            }
            _ => page.broken.clone_from(&parts[1]),
        }
    }
    page
}

/// Processor and column of each cell that a finding is about, with the worst severity and the
/// findings' names.
fn named_cells(verdict: &Verdict) -> BTreeMap<(u32, &'static str), (Severity, Vec<&'static str>)> {
    let mut named = BTreeMap::new();
    for finding in &verdict.findings {
        for value in &finding.values {
            for id in &value.processors {
                let worst = named
                    .entry((id.index, value.field.heading()))
                    .or_insert((finding.severity, Vec::new()));
                worst.0 = worst.0.min(finding.severity);
                worst.1.push(finding.id.name());
            }
        }
    }
    named
}

fn assert_cells(name: &str, cells: &[Cell], verdict: &Verdict) {
    let named = named_cells(verdict);
    let compared: Vec<(Vec<u32>, &str)> = verdict
        .findings
        .iter()
        .flat_map(|finding| &finding.others)
        .map(|value| {
            let indices = value.processors.iter().map(|id| id.index).collect();
            (indices, value.field.heading())
        })
        .collect();
    let mut coloured = 0;
    for cell in cells {
        let place = match cell.place {
            Place::Processor(index) => Some((index, cell.heading.as_str())),
            Place::Everywhere => None,
        };
        if let Some((severity, findings)) = place.and_then(|place| named.get(&place)) {
            assert_eq!(cell.colour, colour_of(*severity), "{name}: {cell:?}");
            assert_eq!(&cell.findings, findings, "{name}: {cell:?}");
            assert_eq!(cell.leads_to, findings[0], "{name}: {cell:?}");
            coloured += 1;
        } else {
            let severities = [Severity::Alarm, Severity::Warning, Severity::Notice];
            assert!(
                severities.iter().all(|one| cell.colour != colour_of(*one)),
                "{name}: {cell:?}"
            );
            assert_eq!(cell.findings, Vec::<String>::new(), "{name}: {cell:?}");
            assert_eq!(cell.leads_to, "", "{name}: {cell:?}");
        }
        let is_hatched = cell.image != "none";
        assert!(!(is_hatched && cell.colour == GREEN), "{name}: {cell:?}");
        if cell.text == "hidden" {
            assert!(is_hatched, "{name}: {cell:?}");
        }
        let is_compared = place.is_some_and(|(index, heading)| {
            compared
                .iter()
                .any(|(indices, other)| *other == heading && indices.binary_search(&index).is_ok())
        });
        if is_compared {
            assert_ne!(cell.colour, GREEN, "{name}: {cell:?}");
        }
        if place.is_none() {
            let of_field = named.keys().any(|(_, heading)| *heading == cell.heading);
            assert!(!of_field, "{name}: {cell:?}");
        }
    }
    assert_eq!(coloured, named.len(), "{name}");
    if name == "healthy" {
        assert!(cells.iter().any(|cell| cell.colour == GREEN));
    }
}

fn assert_squares(name: &str, squares: &[Square], machine: &Snapshot, verdict: &Verdict) {
    let mut worst: BTreeMap<u32, Severity> = BTreeMap::new();
    for finding in &verdict.findings {
        for id in &finding.processors {
            let severity = worst.entry(id.index).or_insert(finding.severity);
            *severity = finding.severity.min(*severity);
        }
    }
    let mut gaps: BTreeSet<u32> = BTreeSet::new();
    for coverage in &verdict.coverage {
        if coverage.extent != Extent::Judged {
            gaps.extend(coverage.processors.iter().map(|id| id.index));
        }
    }
    let rows: Vec<u32> = machine.processors.iter().map(|one| one.id.index).collect();
    for square in squares {
        let at = format!("{name}: {square:?}");
        let is_there = rows.binary_search(&square.processor).is_ok();
        let is_hatched = square.image != "none";
        match worst.get(&square.processor) {
            Some(severity) if is_there => assert_eq!(square.colour, colour_of(*severity), "{at}"),
            _ if square.colour == GREEN_SQUARE => {
                assert!(
                    is_there && !is_hatched && !gaps.contains(&square.processor),
                    "{at}"
                );
            }
            _ => assert!(gaps.contains(&square.processor), "{at}"),
        }
        if !is_there {
            assert!(is_hatched, "{at}");
        } else if !square.leads_to.is_empty() {
            assert_eq!(square.leads_to, square.processor.to_string(), "{at}");
        } else {
            // A machine of one tells everything once, and has no rows.
            assert_eq!(rows.len(), 1, "{at}");
        }
    }
    assert_eq!(squares.len(), verdict.processors, "{name}");
}

#[test]
fn each_finding_has_its_cells_and_each_coloured_cell_its_finding() {
    for (name, machine) in &LOOKS.machines {
        let verdict = client::check(machine);
        let page = page(name);
        let expected_tone = if verdict.has(Severity::Warning) {
            "rgb(198, 40, 40)"
        } else if verdict.is_complete() {
            "rgb(31, 122, 69)"
        } else {
            "rgb(161, 92, 0)"
        };
        assert_eq!(page.verdict, expected_tone, "{name}");
        assert_eq!(page.broken, "0", "{name}");
        assert_cells(name, &page.cells, &verdict);
        assert_squares(name, &page.squares, machine, &verdict);
    }
}

/// A rule of many fields says nothing less of those that it saw.
#[test]
fn what_is_hidden_takes_nothing_from_what_is_not() {
    let page = page(machines::HIDDEN_BUT_ON_2);
    let of = |heading: &str| -> Vec<&Cell> {
        let cells = page.cells.iter();
        cells.filter(|cell| cell.heading == heading).collect()
    };
    for (processor, cell) in (0..).zip(of("LSTAR")) {
        assert_eq!(cell.place, Place::Processor(processor));
        assert_eq!(cell.text == "hidden", processor != 2, "{cell:?}");
        assert_eq!(cell.image != "none", processor != 2, "{cell:?}");
        assert_eq!(cell.colour == GREEN, processor == 2, "{cell:?}");
    }
    assert_eq!(of("LSTAR").len(), 4);
    for heading in ["CSTAR", "STAR", "SFMASK", "TR limit"] {
        let cells = of(heading);
        assert!(!cells.is_empty(), "{heading}");
        assert!(cells.iter().all(|cell| cell.colour == GREEN), "{cells:?}");
    }
}
