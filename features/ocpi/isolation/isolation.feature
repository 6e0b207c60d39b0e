@cpo @ocpi-iso
Feature: Partners see and change nothing of each other

  Background:
    Given P1 is registered
    And P2 is registered

  @OCPI-ISO-03 @recommended
  Scenario: Tokens of another partner are neither shown nor changed
    Given P1 keeps the token {uid} with
      """
      {"whitelist": "ALLOWED"}
      """
    When P2 sends these requests
      | GET   | {tokens}/DE/RIG/{uid} |  |
      | GET   | {tokens}/de/rig/{uid} |  |
      | PUT   | {tokens}/DE/RIG/{uid} | {"country_code": "DE", "party_id": "RIG", "uid": "{uid}", "type": "RFID", "contract_id": "X", "issuer": "Rig 2", "valid": false, "whitelist": "NEVER", "last_updated": "2026-02-01T00:00:00Z"} |
      | PATCH | {tokens}/DE/RIG/{uid} | {"valid": false, "last_updated": "2026-02-01T00:00:00Z"} |
    Then each of the answers is 404 or 200 with 2xxx
    When P2 puts the token {uid} with
      """
      {"whitelist": "NEVER"}
      """
    Then P2 is answered 20x with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"party_id": "RIG", "issuer": "Rig", "valid": true, "whitelist": "ALLOWED"}
      """

  @OCPI-ISO-08 @conformance @ends-registration
  Scenario: A partner renews and ends its own registration alone
    When P2 renews its registration
    Then P2 is answered 200 with 1000
    When P1 sends GET {versions}
    Then P1 is answered 200 with 1000
    When P2 ends its registration
    Then P2 is answered 200 with 1000
    When P1 sends GET {locations}
    Then P1 is answered 200 with 1000

  @OCPI-ISO-10 @conformance
  Scenario: One uid of two partners is two tokens
    Given P1 keeps the token {uid} with
      """
      {"whitelist": "ALLOWED"}
      """
    And P2 keeps the token {uid} with
      """
      {"valid": false}
      """
    When P1 sends PATCH {tokens}/DE/RIG/{uid}
      """
      {"contract_id": "DE-RIG-C2", "last_updated": "2026-02-01T00:00:00Z"}
      """
    Then P1 is answered 200 with 1000
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then the data contains
      """
      {"party_id": "RIG", "valid": true, "contract_id": "DE-RIG-C2"}
      """
    When P2 sends GET {tokens}/NL/RG2/{uid}
    Then the data contains
      """
      {"party_id": "RG2", "valid": false, "contract_id": "NL-RG2-C1"}
      """

  @OCPI-ISO-09 @recommended @fresh-invitation
  Scenario: Nobody takes the place of a party that is registered
    Given P1 keeps the token {uid} with
      """
      {"whitelist": "ALLOWED"}
      """
    When P2 gets another invitation
    And P2 registers with these members changed
      """
      {"roles": [{"role": "EMSP", "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig 2"}}]}
      """
    Then P2 is answered 200 with 2xxx or 200 with 3xxx; 200 with 1000 only warns
    When P2 sends GET {tokens}/DE/RIG/{uid}
    Then P2 is answered 401 or 404 or 200 with 2xxx
    When P1 sends GET {tokens}/DE/RIG/{uid}
    Then P1 is answered 200 with 1000
