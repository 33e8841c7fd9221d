//! Snapshots for others to see: without the name of their host, and with other addresses in which
//! everything that is judged is as it was.

use amd_svm::descriptor::Descriptor;
use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::Witness;

use super::field::redactable;
use super::table::Table;
use super::{Field, KernelModule, Snapshot, sort};

/// Bytes below which no system maps anything: such numbers are no addresses.
pub(crate) const LOWEST: u64 = 0x1_0000;

/// What addresses and made-up regions are rounded to, and keep their offset in.
const PAGE: u64 = 0x1000;

/// From one made-up page to the next, and between made-up images.
const STEP: u64 = 0x1_0000;

/// The part of the address space that an address lies in, which rules ask for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Half {
    /// Programs, with four levels of page tables.
    Lower,
    /// Programs, with five.
    LowerOfFive,
    /// The kernel, with five levels of page tables.
    UpperOfFive,
    /// The kernel, with four.
    Upper,
    /// Nothing, with any: an address that no processor could hold, most of whose bits may be those of
    /// one that it does.
    Neither,
}

impl Half {
    /// None for what is no address, which is left as it is.
    fn of(address: u64) -> Option<Self> {
        let high = |bits: u32| address.cast_signed() >> (bits - 1);
        match (high(48), high(57)) {
            _ if address < LOWEST => None,
            (0, _) => Some(Self::Lower),
            (-1, _) => Some(Self::Upper),
            (_, 0) => Some(Self::LowerOfFive),
            (_, -1) => Some(Self::UpperOfFive),
            _ => Some(Self::Neither),
        }
    }

    /// Where made-up images begin. As many as a file may list fit behind it.
    fn images(self) -> u64 {
        match self {
            Self::Lower => 0x0000_1000_0000_0000,
            Self::LowerOfFive => 0x0010_0000_0000_0000,
            Self::UpperOfFive => 0xFF10_0000_0000_0000,
            Self::Upper => 0xFFFF_8000_0000_0000,
            Self::Neither => 0x4010_0000_0000_0000,
        }
    }

    /// Where made-up pages begin that are in no image.
    fn pages(self) -> u64 {
        match self {
            Self::Lower => 0x0000_0002_0000_0000,
            Self::LowerOfFive => 0x0001_0000_0000_0000,
            Self::UpperOfFive => 0xFF00_1000_0000_0000,
            Self::Upper => 0xFFFF_F000_0000_0000,
            Self::Neither => 0x4000_1000_0000_0000,
        }
    }
}

/// Images that overlap, or one that overlaps none: they are moved together.
struct Cluster {
    start: u64,
    /// Address of the last byte.
    last: u64,
    moved_to: u64,
}

/// Which address stands for which.
struct Map {
    clusters: Vec<Cluster>,
    /// Pages outside all images.
    pages: Table<u64, u64>,
}

impl Snapshot {
    /// Leaves out the name of the host, and puts others in the place of all addresses, of images and
    /// of what is in none, so that the snapshot can be shown to others. Images keep their names, their
    /// sizes and their order; addresses keep their place in them, their half of the address space and
    /// their offset in the page, and equal ones stay equal: the snapshot is judged as before. Of a
    /// guest's pages, what VMSAVE does not store is left out, but for the guest's mode.
    pub fn make_anonymous(&mut self) {
        let map = Map::new(self);
        for module in &mut self.modules {
            module.base = map.address(module.base);
        }
        for processor in &mut self.processors {
            let Ok(capture) = &mut processor.result else {
                continue;
            };
            map.state(&mut capture.vmsave);
            if let Some(pages) = &mut capture.pages {
                **pages = pages.without_addresses(&capture.vmsave);
            }
            if let Some(Ok(witness)) = &mut capture.witness {
                map.witness(witness);
            }
        }
        let addresses: Vec<Field> = redactable().collect();
        for one in self.listed.values_mut().flatten() {
            if addresses.contains(&one.field) {
                one.vmsave = map.address(one.vmsave);
                one.witness = map.address(one.witness);
            }
        }
        self.machine.host = None;
        self.anonymous = true;
    }
}

impl Map {
    fn new(snapshot: &Snapshot) -> Self {
        let mut map = Self {
            clusters: clusters(&snapshot.modules),
            pages: Table::new(),
        };
        let mut next: Table<Half, u64> = Table::new();
        let mut pages = Vec::new();
        for (_, capture) in snapshot.captures() {
            pages.extend(addresses_of(&capture.vmsave));
            if let Some(witness) = capture.witness() {
                pages.extend(addresses_of_witness(witness));
            }
        }
        let listed = snapshot.listed.values().flatten();
        pages.extend(listed.flat_map(|one| [one.vmsave, one.witness]));
        pages.retain(|address| map.cluster(*address).is_none());
        let pages = sort::distinct(pages.into_iter().map(|address| address / PAGE));
        for page in pages {
            if let Some(half) = Half::of(page * PAGE) {
                let place = next.get_or_insert_with(half, || half.pages());
                map.pages.insert(page, *place);
                *place += STEP;
            }
        }
        map
    }

    fn cluster(&self, address: u64) -> Option<&Cluster> {
        let behind = self.clusters.partition_point(|one| one.start <= address);
        let before = self.clusters[..behind].last()?;
        (address <= before.last).then_some(before)
    }

    fn address(&self, address: u64) -> u64 {
        if let Some(cluster) = self.cluster(address) {
            return cluster.moved_to.saturating_add(address - cluster.start);
        }
        match self.pages.get(&(address / PAGE)) {
            Some(page) => page + address % PAGE,
            None => address,
        }
    }

    fn state(&self, state: &mut VmsaveState) {
        let registers = &mut state.system_call;
        for address in [
            &mut state.fs.base,
            &mut state.gs.base,
            &mut state.ldtr.base,
            &mut state.tr.base,
            &mut registers.lstar,
            &mut registers.cstar,
            &mut registers.kernel_gs_base,
            &mut registers.sysenter_esp,
            &mut registers.sysenter_eip,
        ] {
            *address = self.address(*address);
        }
    }

    fn witness(&self, witness: &mut Witness) {
        let registers = &mut witness.system_call;
        for address in [
            &mut witness.fs_base,
            &mut witness.gs_base,
            &mut registers.lstar,
            &mut registers.cstar,
            &mut registers.kernel_gs_base,
            &mut registers.sysenter_esp,
            &mut registers.sysenter_eip,
        ] {
            *address = self.address(*address);
        }
        // The bases of these two are in registers of their own.
        for low in [&mut witness.fs_descriptor, &mut witness.gs_descriptor] {
            *low = with_base([*low, 0], 0)[0];
        }
        let base = tr_base(witness);
        witness.tr_descriptor = with_base(witness.tr_descriptor, self.address(base));
    }
}

fn addresses_of(state: &VmsaveState) -> [u64; 9] {
    let registers = &state.system_call;
    [
        state.fs.base,
        state.gs.base,
        state.ldtr.base,
        state.tr.base,
        registers.lstar,
        registers.cstar,
        registers.kernel_gs_base,
        registers.sysenter_esp,
        registers.sysenter_eip,
    ]
}

fn addresses_of_witness(witness: &Witness) -> [u64; 8] {
    let registers = &witness.system_call;
    [
        witness.fs_base,
        witness.gs_base,
        tr_base(witness),
        registers.lstar,
        registers.cstar,
        registers.kernel_gs_base,
        registers.sysenter_esp,
        registers.sysenter_eip,
    ]
}

fn tr_base(witness: &Witness) -> u64 {
    let [low, high] = witness.tr_descriptor;
    Descriptor { low, high }.base()
}

/// The descriptor with another base.
///
/// Source: APM volume 2, section 4.8.3 (System Descriptors).
fn with_base([low, high]: [u64; 2], base: u64) -> [u64; 2] {
    let [l0, l1, _, _, _, access, flags, _] = low.to_le_bytes();
    let [.., h4, h5, h6, h7] = high.to_le_bytes();
    let [b0, b1, b2, b3, b4, b5, b6, b7] = base.to_le_bytes();
    [
        u64::from_le_bytes([l0, l1, b0, b1, b2, access, flags, b3]),
        u64::from_le_bytes([b4, b5, b6, b7, h4, h5, h6, h7]),
    ]
}

/// The images by address, those that overlap together, each with where it is moved to.
fn clusters(modules: &[KernelModule]) -> Vec<Cluster> {
    let mut images: Vec<(u64, u64)> = modules
        .iter()
        .map(|module| {
            let size = u64::from(module.size).max(1);
            (module.base, module.base.saturating_add(size - 1))
        })
        .collect();
    sort::by_number(&mut images, |(start, _)| *start);
    let mut clusters: Vec<Cluster> = Vec::new();
    for (start, last) in images {
        match clusters.last_mut() {
            Some(before) if start <= before.last => before.last = before.last.max(last),
            _ => clusters.push(Cluster {
                start,
                last,
                moved_to: start,
            }),
        }
    }
    let mut next: Table<Half, u64> = Table::new();
    for cluster in &mut clusters {
        let halves = [cluster.start, cluster.last].map(Half::of);
        if let [Some(half), Some(other)] = halves
            && half == other
        {
            let place = next.get_or_insert_with(half, || half.images());
            cluster.moved_to = *place + cluster.start % PAGE;
            let end = cluster
                .moved_to
                .saturating_add(cluster.last - cluster.start);
            *place = end.saturating_add(2 * STEP) / STEP * STEP;
        }
    }
    clusters
}
