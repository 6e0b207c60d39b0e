@cpo
Feature: A partner keeps its tokens at the CPO

  Background:
    Given P1 is registered

  @OCPI-TOK-01 @conformance
  Scenario: A token that is put is there with all that it says
    When P1 sends PUT {tokens}/DE/RIG/{uid}
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "{uid}", "type": "RFID", "contract_id": "DE-RIG-C1-X",
       "visual_number": "DE RIG 1", "issuer": "Rig", "group_id": "RIG-GROUP", "valid": true, "whitelist": "ALLOWED",
       "language": "en", "default_profile_type": "GREEN",
       "energy_contract": {"supplier_name": "Wind", "contract_id": "W-1"}, "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 201 with 1000; 200 with 1000 only warns
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then P1 is answered 200 with 1000
    And the data contains
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "{uid}", "type": "RFID", "contract_id": "DE-RIG-C1-X",
       "visual_number": "DE RIG 1", "issuer": "Rig", "group_id": "RIG-GROUP", "valid": true, "whitelist": "ALLOWED",
       "language": "en", "default_profile_type": "GREEN",
       "energy_contract": {"supplier_name": "Wind", "contract_id": "W-1"}}
      """
    And the last_updated of the data is the point in time 2026-01-01T00:00:00Z

  @OCPI-TOK-02 @conformance
  Scenario: Another PUT takes the place of the token
    Given P1 keeps the token {uid} with
      """
      {"visual_number": "DE RIG 1", "group_id": "RIG-GROUP", "energy_contract": {"supplier_name": "Wind"}}
      """
    When P1 puts the token {uid} with
      """
      {"whitelist": "NEVER"}
      """
    Then P1 is answered 200 with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"uid": "{uid}", "whitelist": "NEVER"}
      """
    And the data has no visual_number, group_id or energy_contract

  @OCPI-TOK-03 @conformance
  Scenario: PATCH changes what it names and nothing else
    Given P1 keeps the token {uid} with
      """
      {"whitelist": "ALWAYS", "visual_number": "DE RIG 1"}
      """
    When P1 sends PATCH {tokens}/DE/RIG/{uid}
      """
      {"language": "de", "last_updated": "2026-01-02T00:00:00Z"}
      """
    Then P1 is answered 200 with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"language": "de", "valid": true, "whitelist": "ALWAYS", "visual_number": "DE RIG 1", "issuer": "Rig"}
      """
    And the last_updated of the data is the point in time 2026-01-02T00:00:00Z
    When P1 sends PATCH {tokens}/DE/RIG/{uid}
      """
      {"valid": false, "last_updated": "2026-01-03T00:00:00Z"}
      """
    Then P1 is answered 200 with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"language": "de", "valid": false, "whitelist": "ALWAYS", "visual_number": "DE RIG 1", "issuer": "Rig"}
      """

  @OCPI-TOK-05 @recommended
  Scenario: A token that is not there is neither shown nor changed
    When P1 sends GET {tokens}/DE/RIG/RIG-NO-SUCH
    Then P1 is answered 404; 200 with 2004 only warns
    When P1 sends PATCH {tokens}/DE/RIG/RIG-NO-SUCH
      """
      {"valid": true, "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 404 or 200 with 2001 or 200 with 2004
    When P1 sends GET {tokens}/DE/RIG/RIG-NO-SUCH
    Then P1 is answered 404; 200 with 2004 only warns

  @OCPI-TOK-06 @conformance
  Scenario: Tokens of two types with one uid are two tokens
    When P1 sends these requests
      | PUT | {tokens}/DE/RIG/{uid}?type=APP_USER | {"country_code": "DE", "party_id": "RIG", "uid": "{uid}", "type": "APP_USER", "contract_id": "DE-RIG-A", "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"} |
      | PUT | {tokens}/DE/RIG/{uid}               | {"country_code": "DE", "party_id": "RIG", "uid": "{uid}", "type": "RFID", "contract_id": "DE-RIG-B", "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"} |
    Then each of the answers is 20x with 1000
    When P1 sends PATCH {tokens}/DE/RIG/{uid}
      """
      {"issuer": "Rig B", "last_updated": "2026-01-02T00:00:00Z"}
      """
    Then P1 is answered 200 with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}?type=APP_USER
    Then the data contains
      """
      {"type": "APP_USER", "contract_id": "DE-RIG-A", "issuer": "Rig"}
      """
    When P1 sends GET {tokens}/DE/RIG/{uid}?type=RFID
    Then the data contains
      """
      {"type": "RFID", "contract_id": "DE-RIG-B", "issuer": "Rig B"}
      """
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"type": "RFID", "contract_id": "DE-RIG-B"}
      """

  @OCPI-TOK-07 @recommended
  Scenario Outline: Body and URL name the same token, or it is refused: <fault>
    When P1 sends PUT {tokens}/DE/RIG/{uid}
      """
      {"country_code": "DE", "party_id": "<party>", "uid": "<uid>", "type": "<type>", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 200 with 2001
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then P1 is answered 404; 200 with 2004 only warns

    Examples:
      | fault           | party | uid       | type     |
      | another uid     | RIG   | RIG-OTHER | RFID     |
      | another type    | RIG   | {uid}     | APP_USER |
      | another party   | OTH   | {uid}     | RFID     |

  @OCPI-TOK-25 @compatibility
  Scenario: The CPO says what a token is worth
    Given P1 keeps the token {uid} with
      """
      {"whitelist": "ALLOWED"}
      """
    And P1 sees at least 1 place with tariffs
    When P1 sends POST {tokens}/{uid}/authorize?type=RFID
    Then P1 is answered 200 with 1000
    And the data contains
      """
      {"allowed": "ALLOWED", "token": {"uid": "{uid}", "contract_id": "DE-RIG-C1"}}
      """
    When P1 sends POST {tokens}/{uid}/authorize?type=RFID
      """
      {"location_id": "{location}"}
      """
    Then P1 is answered 200 with 1000
    And the data contains
      """
      {"allowed": "ALLOWED", "location": {"location_id": "{location}", "id": "{location}"}}
      """
    When P1 sends POST {tokens}/RIG-NO-SUCH/authorize?type=RFID
    Then P1 is answered 404 with 2004

  @OCPI-TOK-26 @compatibility
  Scenario: What the URL says need not be said again, and a change without its time is taken
    When P1 sends PUT {tokens}/DE/RIG/{uid}
      """
      {"uid": "{uid}", "type": "RFID", "contract_id": "DE-RIG-C1", "issuer": "Rig", "valid": true,
       "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 20x with 1000
    When P1 sends PATCH {tokens}/DE/RIG/{uid}
      """
      {"valid": false}
      """
    Then P1 is answered 200 with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"country_code": "DE", "party_id": "RIG", "valid": false, "last_updated": "(a time)"}
      """

  @OCPI-TOK-04 @recommended
  Scenario: A change without its time is refused
    Given the CPO forgives nothing
    And P1 keeps the token {uid} with
      """
      {"whitelist": "ALLOWED"}
      """
    When P1 sends PATCH {tokens}/DE/RIG/{uid}
      """
      {"valid": false}
      """
    Then P1 is answered 200 with 2001
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"valid": true}
      """
