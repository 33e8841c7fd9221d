//! The digests that Windows knows a file by.

use anyhow::{Result, anyhow, bail};
use authenticode::{PeTrait, authenticode_digest};
use object_of_authenticode::FileKind;
use object_of_authenticode::read::pe::{PeFile32, PeFile64};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A file's digests with both algorithms that a catalog uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Digests {
    /// SHA-1, 20 bytes.
    pub sha1: Vec<u8>,
    /// SHA-256, 32 bytes.
    pub sha256: Vec<u8>,
}

impl Digests {
    /// Of all bytes of a file.
    pub(crate) fn flat(bytes: &[u8]) -> Self {
        Self {
            sha1: Sha1::digest(bytes).to_vec(),
            sha256: Sha256::digest(bytes).to_vec(),
        }
    }

    /// Of an image without its checksum and its signature, so that they are the same before and
    /// after it is signed.
    pub(crate) fn image(bytes: &[u8]) -> Result<Self> {
        let image: &dyn PeTrait = match FileKind::parse(bytes)? {
            FileKind::Pe32 => &PeFile32::parse(bytes)?,
            FileKind::Pe64 => &PeFile64::parse(bytes)?,
            other => bail!("it is no image for Windows, but {other:?}"),
        };
        let (mut sha1, mut sha256) = (Sha1::new(), Sha256::new());
        authenticode_digest(image, &mut sha1).map_err(|error| anyhow!("{error}"))?;
        authenticode_digest(image, &mut sha256).map_err(|error| anyhow!("{error}"))?;
        Ok(Self {
            sha1: sha1.finalize().to_vec(),
            sha256: sha256.finalize().to_vec(),
        })
    }
}
