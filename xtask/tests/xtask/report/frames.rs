//! Many pages in one start of the browser, which takes more of a processor than most pages do.
//!
//! Each page is a document of its own in a frame: the frame's size is to it what a window's is, and its
//! styles, its script and its policy hold there as in a window.

use std::fs;
use std::path::{Path, PathBuf};

use super::browser::{browse, with_scripts};

/// The window that the frames are in.
const OUTER: &str = "frames.html";

/// Puts what a frame's scripts tell into the dumped page. A frame may tell before the next one is there.
const LISTENER: &str = "
    addEventListener('message', ({ source, data: [script, told] }) => {
        const frames = [...document.querySelectorAll('iframe')];
        const frame = frames.find(frame => frame.contentWindow === source);
        frame.setAttribute(`data-told-${script}`, told);
    });";

/// A page, and what is asked of it.
pub(super) struct Frame<'a> {
    /// What a failure says that it is about.
    pub name: String,
    pub page: &'a str,
    /// Pixels from the window's left edge and from its upper one.
    pub place: [u32; 2],
    pub size: [u32; 2],
    /// Bodies of functions that return what they note, one after the other.
    pub scripts: Vec<&'a str>,
}

/// What came of a frame.
pub(super) struct Shown {
    name: String,
    console: Vec<String>,
    told: Vec<Option<String>>,
}

impl Shown {
    /// What the page's scripts and its policy complained about.
    pub(super) fn complaints(&self) -> &[String] {
        &self.console
    }

    /// What a script returned, on a page that has no complaint.
    pub(super) fn noted(&self, script: usize) -> &str {
        let Self {
            name,
            console,
            told,
        } = self;
        assert_eq!(*console, Vec::<String>::new(), "{name}");
        let told = told.get(script).and_then(Option::as_deref);
        told.unwrap_or_else(|| panic!("{name}: the script {script} told nothing"))
    }
}

/// Opens the frames in one window of this size.
pub(super) fn show(frames: &[Frame<'_>], window: [u32; 2], arguments: &[&str]) -> Vec<Shown> {
    let folder = tempfile::tempdir().unwrap();
    let outer = write(frames, folder.path());
    let arguments = [arguments, &["--virtual-time-budget=3000", "--dump-dom"]].concat();
    let seen = browse(folder.path(), &outer, window, &arguments);
    let told: Vec<&str> = seen.dom.split("<iframe ").skip(1).collect();
    assert_eq!(told.len(), frames.len(), "{}", seen.dom);
    let all = frames.iter().zip(told).enumerate();
    all.map(|(number, (frame, told))| Shown {
        name: frame.name.clone(),
        console: seen
            .console
            .iter()
            .filter(|line| is_of(line, number, frames.len()))
            .cloned()
            .collect(),
        told: (0..frame.scripts.len())
            .map(|script| attribute(told, script))
            .collect(),
    })
    .collect()
}

/// The name of a frame's file.
fn file(number: usize) -> String {
    format!("{number}.html")
}

fn write(frames: &[Frame<'_>], folder: &Path) -> PathBuf {
    let mut elements = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        let telling = frame.scripts.iter().enumerate().map(|(script, body)| {
            format!("parent.postMessage([{script}, String((() => {{ {body} }})())], '*');")
        });
        let telling: Vec<String> = telling.collect();
        let file = file(number);
        fs::write(folder.join(&file), with_scripts(frame.page, &telling)).unwrap();
        let ([left, top], [width, height]) = (frame.place, frame.size);
        elements.push(format!(
            "<iframe src={file} width={width} height={height} \
             style='border:0;position:absolute;left:{left}px;top:{top}px'></iframe>"
        ));
    }
    let elements = elements.concat();
    let page = folder.join(OUTER);
    // The page around a frame may have a say in which colours are asked for: this one has none.
    let styles = "<style>:root { color-scheme: light dark; }</style>";
    let text = format!("<!doctype html>{styles}<script>{LISTENER}</script><body>{elements}");
    fs::write(&page, text).unwrap();
    page
}

/// Whether a line of the console is about this frame; one that is about none is about each.
fn is_of(line: &str, number: usize, frames: usize) -> bool {
    let names = |number: usize| line.contains(&format!("/{}", file(number)));
    names(number) || !(0..frames).any(names)
}

/// What a script told, of the element of its frame.
fn attribute(element: &str, script: usize) -> Option<String> {
    let (_, rest) = element.split_once(&format!(" data-told-{script}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
