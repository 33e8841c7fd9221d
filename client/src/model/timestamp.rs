//! Moments, in the one form in which they are written.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in UTC, from 1970 to 9999, as fine as the system's clock.
///
/// It is written, and read, as RFC 3339 has it: `2026-01-31T08:15:30.125Z`, with as many digits behind
/// the second as it has, of none, three and nine.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(SystemTime);

/// Text that is no moment in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("it is no time in UTC from 1970 to 9999, such as 2026-01-31T08:15:30Z")]
pub struct NoTimestamp;

/// The end of the year 9999, in seconds since the beginning of 1970.
const END: u64 = 253_402_300_800;

impl Timestamp {
    /// The time by this system's clock, to the millisecond; none if the clock is beyond the years
    /// that can be written.
    #[must_use]
    pub fn now() -> Option<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let milliseconds = since.as_millis().try_into().ok()?;
        Self::since_1970(Duration::from_millis(milliseconds))
    }

    /// The moment so long after the beginning of 1970 in UTC; none after 9999.
    #[must_use]
    pub fn since_1970(duration: Duration) -> Option<Self> {
        let moment = UNIX_EPOCH.checked_add(duration)?;
        (duration.as_secs() < END).then_some(Self(moment))
    }

    /// The second that was so long before, as a clock shows it: what is less is left out.
    #[must_use]
    pub fn seconds_before(self, duration: Duration) -> Option<Self> {
        let since = self.0.duration_since(UNIX_EPOCH).ok()?;
        let seconds = since.checked_sub(duration)?.as_secs();
        Self::since_1970(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        match since.subsec_nanos() {
            0 => humantime::format_rfc3339_seconds(self.0).fmt(f),
            some if some % 1_000_000 == 0 => humantime::format_rfc3339_millis(self.0).fmt(f),
            _ => humantime::format_rfc3339_nanos(self.0).fmt(f),
        }
    }
}

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    fn from_str(text: &str) -> Result<Self, NoTimestamp> {
        let moment = humantime::parse_rfc3339(text).map_err(|_| NoTimestamp)?;
        let since = moment.duration_since(UNIX_EPOCH).map_err(|_| NoTimestamp)?;
        Self::since_1970(since).ok_or(NoTimestamp)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_utc_in_its_one_form_is_read() {
        for right in [
            "1970-01-01T00:00:00Z",
            "2026-01-31T08:15:30Z",
            "2026-01-31T08:15:30.125Z",
            "9999-12-31T23:59:59.000000100Z",
        ] {
            assert_eq!(right.parse::<Timestamp>().unwrap().to_string(), right);
        }
        for wrong in [
            "",
            "yesterday",
            "2026-01-31",
            "2026-01-31 08:15:30",
            "2026-01-31T08:15:30+01:00",
            "2026-13-31T08:15:30Z",
            "1969-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
            "\u{202e}2026-01-31T08:15:30Z",
        ] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(NoTimestamp), "{wrong}");
        }
    }

    #[test]
    fn the_years_that_can_be_written_have_an_end() {
        let last = Timestamp::since_1970(Duration::from_secs(END - 1)).unwrap();
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Timestamp::since_1970(Duration::from_secs(END)), None);
        assert_eq!(Timestamp::since_1970(Duration::MAX), None);
        assert_eq!(
            last.seconds_before(Duration::from_millis(1))
                .unwrap()
                .to_string(),
            "9999-12-31T23:59:58Z"
        );
        assert_eq!(last.seconds_before(Duration::MAX), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0..END, milliseconds in 0_u64..1000) {
            let since = Duration::from_millis(seconds * 1000 + milliseconds);
            let moment = Timestamp::since_1970(since).unwrap();
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}
