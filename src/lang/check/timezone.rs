//! Names of time zones by their form: an area and a place, as the IANA has them.
//!
//! The database itself is the server's: what is told here is what can be no zone in any edition of it.

/// The areas.
const AREAS: &[&str] = &[
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
    "Etc",
];

/// Zones without an area.
const ALONE: &[&str] = &["UTC", "GMT"];

/// Places that are often written in another area, or by themselves.
const PLACES: &[&str] = &[
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Africa/Nairobi",
    "America/Bogota",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Toronto",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Jakarta",
    "Asia/Jerusalem",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Manila",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Melbourne",
    "Australia/Sydney",
    "Europe/Amsterdam",
    "Europe/Athens",
    "Europe/Berlin",
    "Europe/Brussels",
    "Europe/Dublin",
    "Europe/Helsinki",
    "Europe/Istanbul",
    "Europe/Kyiv",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Madrid",
    "Europe/Moscow",
    "Europe/Oslo",
    "Europe/Paris",
    "Europe/Prague",
    "Europe/Rome",
    "Europe/Stockholm",
    "Europe/Vienna",
    "Europe/Warsaw",
    "Europe/Zurich",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "UTC",
];

/// Whether the name can be one of a time zone.
pub fn is_zone(name: &str) -> bool {
    let Some((area, place)) = name.split_once('/') else { return ALONE.contains(&name) };
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
    };
    AREAS.contains(&area) && place.split('/').count() <= 2 && place.split('/').all(part)
}

/// The zones that are offered where a name is none.
pub fn known() -> impl Iterator<Item = &'static str> {
    PLACES.iter().copied()
}

/// The zone whose place has this name: `paris`, `Berlin`.
pub fn by_place(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name).replace(' ', "_");
    PLACES.iter().copied().find(|zone| zone.rsplit('/').next().is_some_and(|place| place.eq_ignore_ascii_case(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_an_area_and_a_place() {
        assert!(PLACES.iter().all(|zone| is_zone(zone)));
        assert!(["America/Argentina/Buenos_Aires", "Etc/GMT+5", "GMT"].into_iter().all(is_zone));
        assert!(!["Paris", "Europe/", "europe/Paris", "Europe/paris", "CEST", "+02:00", ""].into_iter().any(is_zone));
        assert_eq!(by_place("new york"), Some("America/New_York"));
        assert_eq!(by_place("America/Paris"), Some("Europe/Paris"));
    }
}
