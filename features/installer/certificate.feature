@api
Feature: Client certificates of charge points

  Scenario: A certificate is issued, listed and revoked
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/certificates/generate
      """
      {"validity_days": 30}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"certificate_id": "(an id)", "charge_point_id": "{charge point}", "certificate_pem": "(a text)",
       "private_key_pem": "(a text)", "ca_certificate_pem": "(a text)", "issued_at": "(a time)", "expires_at": "(a time)"}
      """
    And its certificate_id is remembered as {certificate}
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/certificates
    Then the answer is 200
    And its JSON contains
      """
      {"certificates": [{"certificate_id": "{certificate}", "status": "active", "serial_number": "(a text)",
       "revoked_at": null, "private_key_pem": "(nothing)"}]}
      """
    # That it opens nothing from then on is tried at a handshake by a test of the CSMS.
    When the installer sends DELETE /api/v1/installer/charge-points/{charge point}/certificates/{certificate}
    Then the answer is 204
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/certificates
    Then its JSON contains
      """
      {"certificates": [{"certificate_id": "{certificate}", "status": "revoked", "revoked_at": "(a time)"}]}
      """

  Scenario Outline: A certificate for <days> days is refused
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/certificates/generate
      """
      {"validity_days": <days>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field validity_days

    Examples:
      | days |
      | 0    |
      | 1096 |

  Scenario: Everybody may see the root of the authority
    When nobody sends GET /api/v1/authority
    Then the answer is 200
    And the answer has the content type application/x-pem-file
