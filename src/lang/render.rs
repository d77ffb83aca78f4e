pub fn render(source: &super::Source, diagnostics: &[super::Diagnostic], _color: bool) -> String {
    diagnostics.iter().map(|one| format!("{}[{}]: {}\n", source.name, one.code, one.message)).collect()
}
