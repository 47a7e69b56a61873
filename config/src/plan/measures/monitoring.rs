//! Item 5: what is watched for, and the drill of what to do then.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::login_pattern::LoginPattern;
use super::work_hours::WorkHours;
use crate::interval::Interval;

/// 5. 異常行為之監控及因應演練.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// What counts as an abnormal login (□伺服器內設置異常登入行為監控設備).
    pub logins: LoginRules,
    /// Whose reading is recorded (□系統內設置異常存取資料行為監控設備).
    pub access: AccessRules,
    /// 異常行為因應演練: how often it is drilled.
    pub drill_interval: Interval,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            not_applicable: None,
            logins: LoginRules::default(),
            access: AccessRules::default(),
            drill_interval: Interval::months(6),
        }
    }
}

/// What counts as an abnormal login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginRules {
    /// Why this item does not apply (若未向客戶提供主機（代）管理服務者，本項目可不填寫).
    pub not_applicable: Option<String>,
    /// Failures from one source (an address, or an IPv6 /64) that make a brute force …
    pub brute_force_failures: u32,
    /// … within this time.
    pub brute_force_within: Interval,
    /// Failures from one source in a day that make a slow brute force.
    pub slow_failures: u32,
    /// Failures at one account from many sources that make a distributed brute force …
    pub distributed_failures: u32,
    /// … from at least so many sources …
    pub distributed_sources: u32,
    /// … within this time.
    pub distributed_within: Interval,
    /// Users tried from one source that make a password spraying …
    pub spraying_users: u32,
    /// … within this time.
    pub spraying_within: Interval,
    /// Users tried from one source in a day that make a slow password spraying.
    pub slow_users: u32,
    /// Failures before a success from the same source that make the success suspicious …
    pub success_after_failures: u32,
    /// … within this time.
    pub success_after_failures_within: Interval,
    /// Failures of one user at su or sudo that make an attempt at privileges …
    pub escalation_failures: u32,
    /// … within this time.
    pub escalation_within: Interval,
    /// How long logins are watched before a user or source network that was not seen before is abnormal.
    pub learning_period: Interval,
    /// When people work. A login outside of it is abnormal, unless the user is seen to log in at that hour.
    pub work_hours: WorkHours,
    /// Two logins of one user from networks apart, one of them new, within this time are by two people.
    pub impossible_pace_within: Interval,
    /// A GeoIP file (MaxMind's format, with places) on the host, by which two logins of one user are also too soon after one
    /// another where nobody travels so fast.
    pub geoip_file: Option<PathBuf>,
    /// Fastest that anyone travels, in kilometres an hour.
    pub fastest_travel_km_per_hour: u32,
    /// How programs with accounts of their own tell of logins, beside those that are known.
    pub patterns: Vec<LoginPattern>,
    /// How root may log in. Both the logins seen and the settings of sshd are held to it.
    pub root_login: RootLogin,
    /// How much of the addresses that attempts came from findings tell.
    pub sources: SourceDetail,
    /// An anomaly is reported until this long after it was last seen.
    pub report_for: Interval,
}

impl Default for LoginRules {
    fn default() -> Self {
        Self {
            not_applicable: None,
            brute_force_failures: 5,
            brute_force_within: Interval::minutes(10),
            slow_failures: 20,
            distributed_failures: 20,
            distributed_sources: 10,
            distributed_within: Interval::minutes(60),
            spraying_users: 8,
            spraying_within: Interval::minutes(60),
            slow_users: 15,
            success_after_failures: 5,
            success_after_failures_within: Interval::minutes(60),
            escalation_failures: 5,
            escalation_within: Interval::minutes(10),
            learning_period: Interval::days(14),
            work_hours: WorkHours::default(),
            impossible_pace_within: Interval::minutes(60),
            geoip_file: None,
            fastest_travel_km_per_hour: 900,
            patterns: Vec::new(),
            root_login: RootLogin::KeyOnly,
            sources: SourceDetail::Full,
            report_for: Interval::days(1),
        }
    }
}

/// How much of an address, which is personal data, a finding tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceDetail {
    /// All of it.
    Full,
    /// Its network: an IPv4 /24 or IPv6 /48.
    Network,
    /// A hash under a key that does not leave the host: like ones can be told alike, and no more.
    Hashed,
}

/// How root may log in over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootLogin {
    /// Not at all.
    Forbidden,
    /// With a key or certificate, never with a password.
    KeyOnly,
    /// Any way.
    Allowed,
}

/// □系統內設置異常存取資料行為監控設備, and what counts as abnormal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessRules {
    /// Why this item does not apply.
    pub not_applicable: Option<String>,
    /// Files and directories of personal data whose reading is recorded. Empty: those of item 1.
    pub paths: Vec<PathBuf>,
    /// Accesses of one account that make a bulk of them …
    pub bulk_reads: u32,
    /// … within this time, in steps of ten minutes …
    pub bulk_within: Interval,
    /// … where it is so many times what the account was ever seen to read in an hour.
    pub bulk_factor: u32,
    /// Accesses within that time outside of working hours that make a bulk of them.
    pub off_hours_reads: u32,
    /// How long accesses are watched before an account that was not seen before is abnormal.
    pub learning_period: Interval,
    /// How much of accounts and of the names of directories findings tell.
    pub names: NameDetail,
    /// An anomaly is reported until this long after it was last seen.
    pub report_for: Interval,
}

impl Default for AccessRules {
    fn default() -> Self {
        Self {
            not_applicable: None,
            paths: Vec::new(),
            bulk_reads: 200,
            bulk_within: Interval::minutes(60),
            bulk_factor: 3,
            off_hours_reads: 50,
            learning_period: Interval::days(14),
            names: NameDetail::Account,
            report_for: Interval::days(1),
        }
    }
}

/// How much of names, which may be personal data, a finding tells. Names of files are never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameDetail {
    /// Accounts, programs and directories.
    Full,
    /// Accounts and programs.
    Account,
    /// Accounts as hashes under a key that does not leave the host: like ones can be told alike, and no more.
    Hashed,
}
