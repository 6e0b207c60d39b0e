//! Guests at an EVSE with several connectors.

use super::*;

#[tokio::test]
async fn a_guest_has_the_evse_whichever_of_its_connectors_is_used() {
    for rig in rigs().await {
        let mut cp = guest_point(&rig).await;
        let connector = |number: i64| json!({"ocpp16_connector_id": number});
        let evses = json!({"evses": [
            {"connectors": [connector(1), connector(2)]}, {"connectors": [connector(3)]}]});
        let path = "/api/v1/chargepoints/cp_001/evses";
        let (status_code, body) = rig.request(Method::PUT, path, Some(evses), KEY).await;
        assert_eq!(status_code, 200, "{body}");
        let at = |number: i64| {
            let mut body = example();
            body["connector_id"] = json!(number);
            Some(body)
        };
        // Somebody else charges at the other connector.
        let other = cp.start(2, "TAG", T0, 0).await["transactionId"].clone();
        let (code, body) = post(&rig, "authorize", at(1)).await;
        assert_eq!((code, &body["code"]), (409, &json!("connector_occupied")));
        cp.stop(&other, T0, 0).await;
        cp.status(2, "Charging", None).await;
        assert_eq!(post(&rig, "authorize", at(1)).await.0, 409);
        cp.status(2, "Available", None).await;
        let (code, body) = post(&rig, "authorize", at(1)).await;
        assert_eq!(code, 201, "{body}");
        let token = body["session_token"].as_str().unwrap().to_owned();
        let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
        assert_eq!(start["connectorId"], 1);
        assert_eq!(post(&rig, "authorize", at(2)).await.0, 409);
        let tag = start["idTag"].as_str().unwrap().to_owned();
        // Not at another EVSE, but at the other connector of this one.
        let strange = cp.start(3, &tag, T0, 0).await;
        assert_eq!(strange["idTagInfo"]["status"], "Invalid");
        let begun = cp.start(2, &tag, T0, 0).await;
        assert_eq!(begun["idTagInfo"]["status"], "Accepted");
        let shown = until(&rig, &token, "status", "charging").await;
        assert_eq!(shown["connector_id"], 2);
        rig.csms.shutdown().await;
    }
}
