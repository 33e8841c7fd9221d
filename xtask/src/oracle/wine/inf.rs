//! What an INF says of a service.

/// A stamped INF, as text.
pub struct Inf(String);

impl Inf {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value of a directive, wherever it is, with its comment gone and its string filled in.
    pub fn value(&self, directive: &str) -> Option<&str> {
        let value = self.0.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == directive).then(|| value.split(';').next().unwrap_or(value).trim())
        })?;
        match value
            .strip_prefix('%')
            .and_then(|value| value.strip_suffix('%'))
        {
            Some(string) => self.value(string),
            None => Some(value.trim_matches('"')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_with_their_strings() {
        let inf = Inf::new(
            "[Service]\r\nDisplayName = %Name%\r\nStartType = 3 ; by hand\r\n\
             [Strings]\r\nName = \"a driver\"\r\n",
        );
        assert_eq!(inf.value("DisplayName"), Some("a driver"));
        assert_eq!(inf.value("StartType"), Some("3"));
        assert_eq!(inf.value("ErrorControl"), None);
    }
}
