//! The pages of a processor: every field that is known by its name, and other bytes that are.

use std::fmt;

use amd_svm::vmcb::VMCB_SIZE;
use amd_svm::vmcb::fields::{self, Field};
use serde::de::{self, MapAccess};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::{digits, padded};
use super::lists::object;
use crate::model::{FileError, Format, Layout, Page, Pages};

/// More members than a page has fields and gaps.
const MOST_MEMBERS: usize = 4096;

#[derive(Deserialize, Serialize)]
pub(super) struct PagesMembers {
    source: String,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    vmcb: Option<PageMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    vmsa: Option<PageMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    registers: Option<PageMembers>,
}

#[derive(Deserialize, Serialize)]
struct PageMembers {
    /// Every byte is known: those that are not listed are zero.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
    fields: Members,
    /// What is in no field, or in a field that is not known as a whole, by its offset.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    bytes: Members,
}

/// Names with digits, in order.
#[derive(Default)]
struct Members(Vec<(String, String)>);

impl Members {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> de::Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    if members.len() == MOST_MEMBERS {
                        return Err(de::Error::custom("a page has not so many members"));
                    }
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl From<&Pages> for PagesMembers {
    fn from(pages: &Pages) -> Self {
        let page = |page: &Option<Page>| page.as_ref().map(PageMembers::from);
        Self {
            source: pages.source.name().to_owned(),
            vmcb: page(&pages.vmcb),
            vmsa: page(&pages.vmsa),
            registers: page(&pages.registers),
        }
    }
}

impl From<&Page> for PageMembers {
    fn from(page: &Page) -> Self {
        let known = |field: &&Field| page.bytes(field.range()).is_some();
        let fields = page.layout().fields();
        let members = fields.iter().filter(known).map(|field| {
            let bytes = page.bytes(field.range()).unwrap_or_default();
            (field.name().to_owned(), value(field, bytes))
        });
        // What is left over, gap by gap.
        let mut rest = Vec::new();
        for (range, bytes) in page.runs() {
            let mut at = range.start;
            while at < range.end {
                let field = fields.iter().find(|field| field.range().contains(&at));
                let end = match field {
                    Some(field) if known(&field) => {
                        at = field.range().end;
                        continue;
                    }
                    Some(field) => field.range().end,
                    None => {
                        let next = fields.iter().find(|field| field.offset() > at);
                        next.map_or(VMCB_SIZE, Field::offset)
                    }
                };
                let end = end.min(range.end);
                let piece = &bytes[at - range.start..end - range.start];
                if !page.is_whole() || piece.iter().any(|byte| *byte != 0) {
                    rest.push((format!("{at:#05x}"), digits(piece)));
                }
                at = end;
            }
        }
        Self {
            whole: page.is_whole(),
            fields: Members(members.collect()),
            bytes: Members(rest),
        }
    }
}

/// A number, or bytes in the order of memory.
fn value(field: &Field, bytes: &[u8]) -> String {
    if !field.is_number() {
        return digits(bytes);
    }
    let mut number = [0; 8];
    number[..bytes.len()].copy_from_slice(bytes);
    padded(u64::from_le_bytes(number), 2 * bytes.len())
}

impl TryFrom<PagesMembers> for Pages {
    type Error = FileError;

    fn try_from(members: PagesMembers) -> Result<Self, FileError> {
        let page = |members: Option<PageMembers>, layout| {
            members.map(|members| members.read(layout)).transpose()
        };
        let source: Format = members.source.parse().map_err(|_| {
            let source = members.source.escape_default();
            FileError::Page(format!("`source` is `{source}`, which is no format"))
        })?;
        let pages = Self {
            source,
            vmcb: page(members.vmcb, Layout::Vmcb)?,
            vmsa: page(members.vmsa, Layout::Vmsa)?,
            registers: page(members.registers, Layout::Vmsa)?,
        };
        if pages.iter().next().is_none() {
            return Err(FileError::Page("`pages` has no page".to_owned()));
        }
        Ok(pages)
    }
}

impl PageMembers {
    fn read(self, layout: Layout) -> Result<Page, FileError> {
        let mut page = Page::new(layout);
        if self.whole {
            page.put(0, &[0; VMCB_SIZE]);
        }
        for (name, text) in self.fields.0 {
            let wrong = |what: &str| {
                FileError::Page(format!(
                    "field `{}` of a page {what}",
                    name.escape_default()
                ))
            };
            let field = fields::named(layout.fields(), &name)
                .ok_or_else(|| wrong("is none of its fields"))?;
            let bytes = if field.is_number() {
                number(&text, field.width())
            } else {
                bytes(&text).filter(|bytes| bytes.len() == field.width())
            };
            let bytes = bytes.ok_or_else(|| wrong("has no number of its width"))?;
            page.put(field.offset(), &bytes);
        }
        for (name, text) in self.bytes.0 {
            let wrong = || {
                let name = name.escape_default();
                FileError::Page(format!("`bytes` at `{name}` are none of a page"))
            };
            let offset = name
                .strip_prefix("0x")
                .and_then(|digits| usize::from_str_radix(digits, 16).ok())
                .ok_or_else(wrong)?;
            let bytes = bytes(&text)
                .filter(|bytes| {
                    !bytes.is_empty() && offset.saturating_add(bytes.len()) <= VMCB_SIZE
                })
                .ok_or_else(wrong)?;
            page.put(offset, &bytes);
        }
        Ok(page)
    }
}

fn number(text: &str, width: usize) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_plain || digits.is_empty() || digits.len() > 2 * width {
        return None;
    }
    let number = u64::from_str_radix(digits, 16).ok()?;
    Some(number.to_le_bytes()[..width].to_vec())
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? << 4 | low?).ok()
    };
    pairs.iter().map(byte).collect()
}
