//! What the options of a start mean for a database that has been used before.

use dynamo_csms::domain::authorization::TagStatus;
use dynamo_csms::start;
use dynamo_csms::store::TagSetting;
use reqwest::Method;
use serde_json::json;

use crate::support::{KEY, Rig, options, rig};

const PATH: &str = "/api/v1/ocpp16/transactions";

#[tokio::test]
async fn a_given_key_counts_on_a_database_without_keys_only() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["", "1234567"] {
        let mut options = options(&folder);
        options.api_key = Some(bad.to_owned());
        let refused = start(options).await.err().expect("refused");
        assert!(refused.to_string().contains("--api-key"), "{refused}");
    }
    let rig = {
        let options = options(&folder);
        Rig::start(folder, options).await.restart().await
    };
    assert_eq!(rig.csms.api_key(), KEY);
    let mut other = options(&rig.folder);
    other.api_key = Some("another-key".to_owned());
    rig.csms.shutdown().await;
    let rig = Rig::start(rig.folder, other).await;
    assert_eq!(rig.request(Method::GET, PATH, None, KEY).await.0, 200);
    for wrong in ["another-key", ""] {
        assert_eq!(rig.request(Method::GET, PATH, None, wrong).await.0, 401);
    }
}

#[tokio::test]
async fn a_restart_does_not_unblock_a_tag() {
    let rig = rig().await;
    rig.set_tag(TagSetting {
        status: TagStatus::Blocked,
        ..TagSetting::accepted("TAG")
    })
    .await;
    let rig = rig.restart().await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.call("Authorize", json!({"idTag": "TAG"})).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Blocked");
}
