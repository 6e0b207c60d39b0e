//! Which configuration a charge point should begin with: templates per model, which are data.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// The configuration of a model.
#[derive(Debug, Deserialize)]
pub(crate) struct Template {
    pub template_id: String,
    pub template_version: String,
    /// Whose charge points it fits when no model does; none for the one that fits all.
    pub vendor: Option<String>,
    pub model: String,
    pub parameters: Vec<TemplateParameter>,
}

/// One key of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TemplateParameter {
    pub key: String,
    pub default: Value,
    #[serde(rename = "type")]
    pub kind: String,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let text = include_str!("../../../templates/configuration.json");
    serde_json::from_str(text).expect("the templates are tested")
});

/// The template of a charge point: of its model, else of its vendor, else the one that fits all.
pub(crate) fn template_for(vendor: Option<&str>, model: Option<&str>) -> &'static Template {
    let same = |a: &str, b: Option<&str>| b.is_some_and(|b| b.eq_ignore_ascii_case(a));
    let by_model = TEMPLATES.iter().find(|t| same(&t.model, model));
    let by_vendor = || {
        let of = |t: &&Template| t.vendor.as_deref().is_some_and(|own| same(own, vendor));
        TEMPLATES.iter().find(of)
    };
    let for_all = || TEMPLATES.iter().find(|t| t.vendor.is_none());
    by_model
        .or_else(by_vendor)
        .or_else(for_all)
        .expect("one template has no vendor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_decides_then_the_vendor_then_nothing() {
        let id = |vendor, model| template_for(vendor, model).template_id.as_str();
        let abb = Some("ABB");
        assert_eq!(id(abb, Some("ABB Terra AC W22-G5")), "tpl_abb_terra_ac_w22");
        assert_eq!(
            id(None, Some("ABB Terra AC W22")),
            "tpl_abb_terra_ac_w22_basic"
        );
        assert_eq!(id(abb, Some("Terra 360")), "tpl_abb_terra_ac_w22");
        assert_eq!(id(abb, None), "tpl_abb_terra_ac_w22");
        assert_eq!(id(Some("Other"), Some("X")), "tpl_generic");
        assert_eq!(id(None, None), "tpl_generic");
    }

    #[test]
    fn defaults_have_the_type_they_say() {
        for parameter in TEMPLATES.iter().flat_map(|t| &t.parameters) {
            let fits = match parameter.kind.as_str() {
                "integer" => parameter.default.is_i64(),
                "boolean" => parameter.default.is_boolean(),
                "string" => parameter.default.is_string(),
                _ => false,
            };
            assert!(fits, "{parameter:?}");
        }
    }
}
