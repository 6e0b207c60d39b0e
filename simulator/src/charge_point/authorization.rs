//! Whom the charge point trusts by itself: the authorization cache and the rules around it [1.6 §3.5, §4.1].

use std::sync::Arc;

use super::configuration::{Configuration, Key};
use super::message::IdTagInfo;
use super::words::AuthorizationStatus;

/// Most tags remembered.
pub(super) const CACHE_TAGS_MAX: usize = 64;

/// What is to be done about a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It may charge.
    Accepted { parent: Option<Arc<str>> },
    /// It may not.
    Refused,
    /// The CSMS has to say.
    Ask,
}

/// The cache; it survives resets and power loss [1.6 §3.5.1].
#[derive(Debug, Default)]
pub(super) struct Authorization {
    /// The most recently updated one is last.
    cache: Vec<(Arc<str>, IdTagInfo)>,
}

impl Authorization {
    /// Judges a tag. Tags are compared without case [1.6 §7.28].
    pub(super) fn decide(
        &self,
        id_tag: &str,
        online: bool,
        configuration: &Configuration,
        wall_ms: i64,
    ) -> Decision {
        let cached = configuration
            .bool(Key::AuthorizationCacheEnabled)
            .then(|| self.find(id_tag))
            .flatten();
        let valid = cached.filter(|info| {
            info.status == AuthorizationStatus::Accepted
                && info.expiry_ms.is_none_or(|expiry| expiry > wall_ms)
        });
        let trusted = configuration.bool(if online {
            Key::LocalPreAuthorize
        } else {
            Key::LocalAuthorizeOffline
        });
        match (valid, cached, online) {
            (Some(info), _, _) if trusted => Decision::Accepted {
                parent: info.parent_id_tag.clone(),
            },
            (_, _, true) => Decision::Ask,
            // Known and not valid is not unknown: it stays out [1.6 §3.5.4]. A good one that the cache may not vouch for
            // is worth as much as an unknown one.
            (Some(_), _, false) | (_, None, false)
                if configuration.bool(Key::AllowOfflineTxForUnknownId) =>
            {
                Decision::Accepted { parent: None }
            }
            _ => Decision::Refused,
        }
    }

    /// Remembers what the CSMS said, whichever message it came with [1.6 §3.5.1].
    pub(super) fn learn(
        &mut self,
        id_tag: &Arc<str>,
        info: IdTagInfo,
        configuration: &Configuration,
    ) {
        if !configuration.bool(Key::AuthorizationCacheEnabled) {
            return;
        }
        self.cache
            .retain(|(tag, _)| !tag.eq_ignore_ascii_case(id_tag));
        if self.cache.len() == CACHE_TAGS_MAX {
            // Tags that are no good go first, then the oldest.
            let victim = self
                .cache
                .iter()
                .position(|(_, info)| info.status != AuthorizationStatus::Accepted)
                .unwrap_or(0);
            self.cache.remove(victim);
        }
        self.cache.push((id_tag.clone(), info));
    }

    /// The group that a tag belongs to, as far as the cache knows; one that is switched off knows nothing.
    pub(super) fn parent(&self, id_tag: &str, configuration: &Configuration) -> Option<Arc<str>> {
        let cached = configuration
            .bool(Key::AuthorizationCacheEnabled)
            .then(|| self.find(id_tag))?;
        cached?.parent_id_tag.clone()
    }

    pub(super) fn clear(&mut self) {
        self.cache = Vec::new();
    }

    fn find(&self, id_tag: &str) -> Option<&IdTagInfo> {
        self.cache
            .iter()
            .find(|(tag, _)| tag.eq_ignore_ascii_case(id_tag))
            .map(|(_, info)| info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(status: AuthorizationStatus, expiry_ms: Option<i64>) -> IdTagInfo {
        IdTagInfo {
            status,
            expiry_ms,
            parent_id_tag: None,
        }
    }

    fn configured(keys: &[(&str, &str)]) -> Configuration {
        let mut configuration = Configuration::default();
        for (key, value) in keys {
            configuration.preset(key, value).unwrap();
        }
        configuration
    }

    #[test]
    fn the_rules_of_local_authorization() {
        let yes = || Decision::Accepted { parent: None };
        let (pre, offline, unknown) = (
            "LocalPreAuthorize",
            "LocalAuthorizeOffline",
            "AllowOfflineTxForUnknownId",
        );
        let mut authorization = Authorization::default();
        let all = configured(&[(pre, "true")]);
        authorization.learn(
            &"GOOD".into(),
            info(AuthorizationStatus::Accepted, Some(1_000)),
            &all,
        );
        authorization.learn(
            &"BAD".into(),
            info(AuthorizationStatus::Blocked, None),
            &all,
        );
        for (tag, online, keys, wall_ms, decision) in [
            ("good", true, vec![(pre, "true")], 0, yes()),
            ("good", true, vec![(pre, "false")], 0, Decision::Ask),
            (
                "good",
                true,
                vec![(pre, "true"), ("AuthorizationCacheEnabled", "false")],
                0,
                Decision::Ask,
            ),
            ("good", true, vec![(pre, "true")], 1_000, Decision::Ask),
            ("bad", true, vec![(pre, "true")], 0, Decision::Ask),
            ("new", true, vec![(pre, "true")], 0, Decision::Ask),
            ("good", false, vec![], 0, yes()),
            ("good", false, vec![], 1_000, Decision::Refused),
            (
                "good",
                false,
                vec![(offline, "false")],
                0,
                Decision::Refused,
            ),
            (
                "good",
                false,
                vec![(offline, "false"), (unknown, "true")],
                0,
                yes(),
            ),
            (
                "good",
                false,
                vec![(offline, "false"), (unknown, "true")],
                1_000,
                Decision::Refused,
            ),
            ("bad", false, vec![(unknown, "true")], 0, Decision::Refused),
            ("new", false, vec![(unknown, "true")], 0, yes()),
            ("new", false, vec![], 0, Decision::Refused),
        ] {
            let decided = authorization.decide(tag, online, &configured(&keys), wall_ms);
            assert_eq!(
                decided, decision,
                "{tag} online={online} {keys:?} at {wall_ms}"
            );
        }
    }

    #[test]
    fn the_cache_is_bounded_and_bad_tags_leave_first() {
        let configuration = configured(&[("LocalPreAuthorize", "true")]);
        let mut authorization = Authorization::default();
        for number in 0..CACHE_TAGS_MAX {
            let status = if number == 5 {
                AuthorizationStatus::Invalid
            } else {
                AuthorizationStatus::Accepted
            };
            authorization.learn(
                &format!("T{number}").into(),
                info(status, None),
                &configuration,
            );
        }
        let ask = |authorization: &Authorization, tag| {
            authorization.decide(tag, true, &configuration, 0) == Decision::Ask
        };
        authorization.learn(
            &"X1".into(),
            info(AuthorizationStatus::Accepted, None),
            &configuration,
        );
        assert!(!ask(&authorization, "T0"));
        authorization.learn(
            &"X2".into(),
            info(AuthorizationStatus::Accepted, None),
            &configuration,
        );
        assert!(ask(&authorization, "T0") && !ask(&authorization, "T1"));
        assert_eq!(authorization.cache.len(), CACHE_TAGS_MAX);
        authorization.clear();
        assert!(ask(&authorization, "T1"));
    }
}
