//! Items 1 and 2: data at rest and its copies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// 1. 加密.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// 於＿時: where personal data is encrypted, in words, such as 儲存於資料庫.
    pub used_for: Vec<String>,
    /// 採取＿等加密措施, in words.
    pub measures: Vec<String>,
    /// Directories that hold personal data. Empty: every writable local file system but /boot and the ESP.
    pub paths: Vec<PathBuf>,
    /// Least key strength of the cipher, in bits (AES256以上).
    pub minimum_key_bits: u32,
    /// Where decryption keys are kept, in words (解密金鑰與加密資料應存放於不同位置).
    pub keys_kept_at: String,
}

impl Default for Encryption {
    fn default() -> Self {
        Self {
            not_applicable: None,
            used_for: Vec::new(),
            measures: Vec::new(),
            paths: Vec::new(),
            minimum_key_bits: 256,
            keys_kept_at: String::new(),
        }
    }
}

/// 2. 備份.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// 採取＿之保護措施.
    pub measures: Vec<BackupMeasure>,
    /// The newest backup is to be younger than this.
    pub interval: Interval,
    /// Where backups are kept. Empty: what is found on the host.
    pub targets: Vec<BackupTarget>,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            not_applicable: None,
            measures: BackupMeasure::ALL.to_vec(),
            interval: Interval::days(1),
            targets: Vec::new(),
        }
    }
}

impl Backup {
    /// Whether the plan declares `measure`.
    #[must_use]
    pub fn has(&self, measure: BackupMeasure) -> bool {
        self.measures.contains(&measure)
    }
}

/// How backups are protected: the form's own examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupMeasure {
    /// 321備份原則: three copies, two media, one off site.
    ThreeTwoOne,
    /// 加密儲存.
    Encrypted,
    /// 自動備份.
    Automatic,
    /// 自動壓縮.
    Compressed,
    /// 自動金鑰加密: encrypted without a person typing a password.
    KeyEncrypted,
}

impl BackupMeasure {
    /// Every measure, in the form's order.
    pub const ALL: [Self; 5] = [
        Self::ThreeTwoOne,
        Self::Encrypted,
        Self::Automatic,
        Self::Compressed,
        Self::KeyEncrypted,
    ];
}

/// A place where backups are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTarget {
    /// A directory (`/backup/restic`) or a repository's address as its tool writes it (`sftp:backup@192.0.2.10:/srv`).
    pub location: String,
    /// What it is kept on.
    pub medium: BackupMedium,
    /// Whether it is at another site than the data.
    #[serde(default)]
    pub off_site: bool,
}

/// What a backup is kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupMedium {
    /// A disk of the host.
    Disk,
    /// A removable disk.
    RemovableDisk,
    /// Optical discs.
    Optical,
    /// Tape.
    Tape,
    /// Disks of another host.
    RemoteHost,
    /// Object storage of a provider.
    ObjectStorage,
}
