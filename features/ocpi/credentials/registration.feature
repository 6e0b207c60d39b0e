@cpo
Feature: A partner registers with the CPO

  @OCPI-CRED-01 @OCPI-CRED-02 @OCPI-AUTH-04 @OCPI-ENV-04 @OCPI-ENV-06 @conformance @invited @uses-invitation
  Scenario: A registration gives a new token, once the CPO has read versions and details with that of the partner
    Given P1 has an invitation
    When P1 registers
    Then P1 is answered 200 with 1000
    And the data is credentials of a CPO with a token that is new to P1
    And meanwhile P1 was asked for its versions and then for its details, with token B

  @OCPI-CRED-03 @conformance
  Scenario: The new token opens everything, and the invitation opens nothing any more
    Given P1 is registered
    When P1 sends these requests
      | GET | {versions}                                |  |
      | GET | {credentials}                             |  |
      | GET | {locations}                               |  |
      | GET | {tariffs}                                 |  |
      | GET | {cdrs}                                    |  |
      | GET | {sessions}?date_from=2000-01-01T00:00:00Z |  |
    Then each of the answers is 200 with 1000
    When P1 sends these requests with token A
      | GET | {versions}  |  |
      | GET | {locations} |  |
    Then each of the answers is 401

  @OCPI-CRED-04 @conformance
  Scenario: Who is registered does not register again
    Given P1 is registered
    When P1 registers
    Then P1 is answered 405
    And the answer has the header Allow; without it only warns
    And P1 was asked nothing meanwhile
    When P1 sends GET {versions}
    Then P1 is answered 200 with 1000

  @OCPI-CRED-05 @conformance @invited
  Scenario: Who is not registered renews nothing and ends nothing
    Given P1 has an invitation
    When P1 renews its registration
    Then P1 is answered 405
    When P1 ends its registration
    Then P1 is answered 405
    When P1 sends GET {versions} with token A
    Then P1 is answered 200 with 1000

  @OCPI-CRED-06 @conformance
  Scenario: GET credentials shows the caller its own token
    Given P1 is registered
    When P1 sends GET {credentials}
    Then P1 is answered 200 with 1000
    And the data is credentials with the token that P1 shows

  @OCPI-CRED-07 @conformance
  Scenario: A renewal gives both sides another token
    Given P1 is registered
    When P1 renews its registration
    Then P1 is answered 200 with 1000
    And the data is credentials of a CPO with a token that is new to P1
    And meanwhile P1 was asked for its versions and then for its details, with a token B
    When P1 sends GET {locations}
    Then P1 is answered 200 with 1000

  @OCPI-CRED-09 @recommended
  Scenario: A renewal that does not come off leaves all as it was
    Given P1 is registered
    And P1 answers requests for its versions with HTTP 500
    When P1 renews its registration
    Then P1 is answered 200 with 3001
    When P1 sends GET {versions}
    Then P1 is answered 200 with 1000
    When P1 answers as it should again
    And P1 renews its registration
    Then P1 is answered 200 with 1000

  @OCPI-CRED-10 @recommended @invited @uses-invitation
  Scenario: Who is not reached when it registers may register again
    Given P1 has an invitation
    And P1 refuses connections
    When P1 registers
    Then P1 is answered 200 with 3001
    When P1 takes connections again
    And P1 registers
    Then P1 is answered 200 with 1000

  @OCPI-CRED-11 @recommended @invited
  Scenario: Without a version in common there is no registration
    Given P1 has an invitation
    And P1 lists the versions 2.1.1 and 2.3.0
    When P1 registers
    Then P1 is answered 200 with 3002; 200 with 3xxx only warns
    And there is no token in the data
    When P1 sends GET {versions} with token A
    Then P1 is answered 200 with 1000

  @OCPI-CRED-12 @recommended @invited @uses-invitation
  Scenario: A partner without modules is taken or told so
    Given P1 has an invitation
    And P1 lists credentials alone
    When P1 registers
    Then P1 is answered 200 with 1000 or 200 with 3003

  @OCPI-CRED-13 @conformance @invited
  Scenario Outline: Credentials in which <fault> are refused
    Given P1 has an invitation
    When P1 registers with these members changed
      """
      <change>
      """
    Then P1 is answered 200 with 2001; <tolerated> only warns
    And a refusal has given P1 no token and left it its invitation

    Examples: faults that nobody can pass over
      | fault                   | change               | tolerated     |
      | there is no token       | {"token": null}      | 200 with 2xxx |
      | there is no URL         | {"url": null}        | 200 with 2xxx |
      | nobody says of roles    | {"roles": null}      | 200 with 2xxx |
      | the list of roles is empty | {"roles": []}     | 200 with 2xxx |
      | the URL is none         | {"url": "not a url"} | 200 with 2xxx |

    Examples: faults that somebody may pass over
      | fault                         | change | tolerated |
      | the token has 65 characters   | {"token": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} | 200 with 2xxx or 200 with 1000 |
      | the token has a blank         | {"token": "a blank"} | 200 with 2xxx or 200 with 1000 |
      | the role is in small letters  | {"roles": [{"role": "emsp", "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig"}}]} | 200 with 2xxx or 200 with 1000 |
      | the party has four letters    | {"roles": [{"role": "EMSP", "country_code": "DE", "party_id": "RIGS", "business_details": {"name": "Rig"}}]} | 200 with 2xxx or 200 with 1000 |
      | one role is there twice       | {"roles": [{"role": "EMSP", "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig"}}, {"role": "EMSP", "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig"}}]} | 200 with 2xxx or 200 with 1000 |

  @OCPI-CRED-15 @recommended @fresh-invitation
  Scenario: Who comes back after the end begins anew
    Given P1 is registered
    And P1 is not registered any more
    And P1 has another invitation
    When P1 registers
    Then P1 is answered 200 with 1000
    And the data is credentials of a CPO with a token that is new to P1
    When P1 sends GET {locations}
    Then P1 is answered 200 with 1000

  @OCPI-CRED-16 @conformance @invited @uses-invitation
  Scenario: A platform with several roles registers all of them
    Given P1 has an invitation
    When P1 registers with these members changed
      """
      {"roles": [
        {"role": "EMSP", "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig"}},
        {"role": "EMSP", "country_code": "NL", "party_id": "RG3", "business_details": {"name": "Rig 3"}},
        {"role": "CPO", "country_code": "NL", "party_id": "RG3", "business_details": {"name": "Rig 3"}}]}
      """
    Then P1 is answered 200 with 1000
    When the next request of P1 has the header OCPI-from-country-code: NL
    And the next request of P1 has the header OCPI-from-party-id: RG3
    And P1 sends PUT {tokens}/NL/RG3/RG3-1
      """
      {"country_code": "NL", "party_id": "RG3", "uid": "RG3-1", "type": "RFID", "contract_id": "NL-RG3-C1",
       "issuer": "Rig 3", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 200 with 1000 or 201 with 1000
    When P1 sends GET {tokens}/NL/RG3/RG3-1
    Then P1 is answered 200 with 1000

  @OCPI-CRED-18 @recommended @invited @uses-invitation
  Scenario: Of two registrations with one invitation one comes off
    Given P1 has an invitation
    When P1 registers twice at once
    Then one of the answers is 200 with 1000 and the other 401 or 405 or 200 with 2xxx or 200 with 3xxx
    When P1 sends GET {versions}
    Then P1 is answered 200 with 1000

  @OCPI-CRED-19 @recommended @invited @uses-invitation
  Scenario: A partner may ask the CPO while the CPO asks it
    Given P1 has an invitation
    When P1 registers and, before it answers for its versions, reads those of the CPO
    Then each of the answers is 200 with 1000

  @OCPI-CRED-23 @compatibility @invited @uses-invitation
  Scenario: Credentials in the form of 2.1.1 are taken, and given beside the roles
    Given P1 has an invitation
    When P1 registers with these members changed
      """
      {"roles": null, "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig"}}
      """
    Then P1 is answered 200 with 1000
    And the data contains
      """
      {"roles": "(a list)", "country_code": "(a text)", "party_id": "(a text)", "business_details": "(an object)"}
      """
