@cpo
Feature: What every message of OCPI has in common

  @OCPI-ENV-01 @OCPI-ENV-02 @OCPI-ENV-11 @conformance
  Scenario: Every answer is an envelope with data of its shape and stamps of the standard
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    When P1 sends these requests
      | GET | {versions}                                 |  |
      | GET | {details}                                  |  |
      | GET | {credentials}                              |  |
      | GET | {locations}                                |  |
      | GET | {locations}?date_from=2100-01-01T00:00:00Z |  |
      | GET | {locations}/{location}                     |  |
      | GET | {locations}/{location}/{evse}              |  |
      | GET | {locations}/{location}/{evse}/{connector}  |  |
      | GET | {tariffs}                                  |  |
    Then each of the answers is 200 with 1000
    When P1 sends these requests
      | GET   | {locations}/no-such    |  |
      | PATCH | {locations}/{location} | {} |
      | PUT   | {tokens}/DE/RIG/T-1    | { |
    Then each of the answers is 4xx

  @OCPI-ENV-03 @conformance
  Scenario Outline: The ids of a request come back as they were sent, here <id>
    Given P1 is registered
    When the next request of P1 has the header X-Request-ID: <id>
    And the next request of P1 has the header X-Correlation-ID: <id>
    And P1 sends <request>
    Then P1 is answered <outcome>
    And each of the answers has the X-Request-ID and X-Correlation-ID of its request; one without them at 401 or 405 only warns

    Examples:
      | id                                   | request                              | outcome       |
      | 3f0c5b1e-8a53-4c12-9d30-111111111111 | GET {versions}                       | 200           |
      | 3F0C5B1E-8A53-4C12-9D30-222222222222 | GET {locations}                      | 200           |
      | rig:1/2 x                            | GET {tokens}/DE/RIG/NO-SUCH          | 404 or 200    |
      | 3f0c5b1e-8a53-4c12-9d30-333333333333 | GET {locations} with the token none  | 401           |
      | 3f0c5b1e-8a53-4c12-9d30-444444444444 | DELETE {tokens}/DE/RIG/NO-SUCH       | 405 or 404    |

  @OCPI-ENV-05 @recommended
  Scenario: An answer goes back to whom the request came from
    Given P1 is registered
    When P1 sends GET {locations}
    Then P1 is answered 200 with 1000
    And the answer goes from the CPO to P1

  @OCPI-ENV-07 @recommended
  Scenario: Between two parties headers that say who sends and which request it is may be missing
    Given P1 is registered
    When P1 sends GET {locations}?limit=1
    And P1 sends the last request again without OCPI-from-country-code, OCPI-from-party-id, OCPI-to-country-code, OCPI-to-party-id, X-Request-ID and X-Correlation-ID
    Then P1 is answered 200 with 1000
    When P1 sends PUT {tokens}/DE/RIG/RIG-ENV-07
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-07", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"}
      """
    And P1 sends the last request again without OCPI-from-country-code, OCPI-from-party-id, OCPI-to-country-code, OCPI-to-party-id, X-Request-ID and X-Correlation-ID
    Then P1 is answered 200 with 1000 or 201 with 1000

  @OCPI-ENV-08 @recommended
  Scenario: What is addressed to somebody else is not served
    Given P1 is registered
    When the next request of P1 has the header OCPI-to-country-code: ZZ
    And the next request of P1 has the header OCPI-to-party-id: ZZZ
    And P1 sends GET {locations}
    Then P1 is answered 404 or 200 with 2xxx or 200 with 4001; 200 with 1000 only warns
    When the next request of P1 has the header OCPI-to-country-code: ZZ
    And the next request of P1 has the header OCPI-to-party-id: ZZZ
    And P1 sends PUT {tokens}/DE/RIG/RIG-ENV-08
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-08", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 404 or 200 with 2xxx or 200 with 4001; 20x with 1000 only warns

  @OCPI-ENV-09 @conformance
  Scenario: A body that is no JSON is refused by HTTP
    Given P1 is registered
    When P1 sends these requests
      | PUT  | {tokens}/DE/RIG/RIG-ENV-09 | {"uid": "RIG- |
      | PUT  | {tokens}/DE/RIG/RIG-ENV-09 | hello |
      | POST | {commands}/START_SESSION   | hello |
    Then each of the answers is 400
    When P1 sends GET {tokens}/DE/RIG/RIG-ENV-09
    Then P1 is answered 404; 200 with 2004 only warns

  @OCPI-ENV-10 @conformance
  Scenario Outline: JSON that says something wrong is answered by a status code of OCPI, here <fault>
    Given P1 is registered
    When P1 sends <request>
      """
      <body>
      """
    Then P1 is answered 200 with 2001; 200 with 2xxx or 20x with 1000 only warns

    Examples:
      | fault | request | body |
      | no whitelist | PUT {tokens}/DE/RIG/RIG-ENV-10 | {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-10", "type": "RFID", "contract_id": "C", "issuer": "Rig", "valid": true, "last_updated": "2026-01-01T00:00:00Z"} |
      | a text for true | PUT {tokens}/DE/RIG/RIG-ENV-10 | {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-10", "type": "RFID", "contract_id": "C", "issuer": "Rig", "valid": "yes", "whitelist": "ALWAYS", "last_updated": "2026-01-01T00:00:00Z"} |
      | a type that nobody knows | PUT {tokens}/DE/RIG/RIG-ENV-10 | {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-10", "type": "SPACESHIP", "contract_id": "C", "issuer": "Rig", "valid": true, "whitelist": "ALWAYS", "last_updated": "2026-01-01T00:00:00Z"} |
      | a list | PUT {tokens}/DE/RIG/RIG-ENV-10 | [1, 2] |
      | null | PUT {tokens}/DE/RIG/RIG-ENV-10 | null |
      | a start without anything | POST {commands}/START_SESSION | {} |
      | a place that is a number | POST {commands}/START_SESSION | {"location_id": 7} |
      | a stop of nothing | POST {commands}/STOP_SESSION | {"response_url": "http://127.0.0.1:9/nobody"} |

  @OCPI-ENV-12 @conformance
  Scenario: A point in time is understood in every form that the standard allows
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    When P1 reads {tariffs} from one point in time, written in every allowed form
    Then each of the answers is 200 with 1000
    And the data of all answers is the same
    When P1 sends PUT {tokens}/DE/RIG/RIG-ENV-12
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-12", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T12:30:00"}
      """
    Then P1 is answered 200 with 1000 or 201 with 1000
    When P1 sends GET {tokens}/DE/RIG/RIG-ENV-12
    Then the last_updated of the data is the point in time 2026-01-01T12:30:00Z

  @OCPI-ENV-13 @recommended
  Scenario: A point in time with an offset, and one that is none, change no window in silence
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    Then in {tariffs} as P1 sees it, a point in time with an offset is refused or converted
    When P1 sends GET {tariffs}?date_from=2026-13-01T00:00:00Z
    Then P1 is answered 200 with 2001; 400 only warns

  @OCPI-ENV-14 @compatibility
  Scenario: Fields that the standard does not know are passed over
    Given P1 is registered
    When P1 sends PUT {tokens}/DE/RIG/RIG-ENV-14
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-14", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z",
       "x_rig": "x", "country": {"a": 1}, "energy_contract": {"supplier_name": "Wind", "colour": "green"}}
      """
    Then P1 is answered 200 with 1000 or 201 with 1000
    When P1 sends GET {tokens}/DE/RIG/RIG-ENV-14
    Then the data contains
      """
      {"uid": "RIG-ENV-14", "contract_id": "DE-RIG-C1", "valid": true, "energy_contract": {"supplier_name": "Wind"}}
      """

  @OCPI-ENV-15 @conformance
  Scenario: A null where a field may be absent is as good as nothing
    Given P1 is registered
    When P1 sends PUT {tokens}/DE/RIG/RIG-ENV-15
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-15", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z",
       "visual_number": null, "group_id": null, "language": null, "default_profile_type": null,
       "energy_contract": null}
      """
    Then P1 is answered 200 with 1000 or 201 with 1000
    When P1 sends GET {tokens}/DE/RIG/RIG-ENV-15
    Then P1 is answered 200 with 1000
    And the data has no visual_number, group_id, language, default_profile_type or energy_contract

  @OCPI-ENV-16 @conformance
  Scenario: Ids are the same in any case
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    When P1 sends these requests
      | GET | {locations}/{location}                   |  |
      | GET | {locations}/{location in the other case} |  |
    Then each of the answers is 200 with 1000
    And the data of all answers is the same
    When P1 sends these requests
      | GET | {locations}/{location}/{evse}                                     |  |
      | GET | {locations}/{location in the other case}/{evse in the other case} |  |
    Then each of the answers is 200 with 1000
    And the data of all answers is the same
    When P1 sends PUT {tokens}/DE/RIG/RIG-ENV-16
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-16", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Rig", "valid": true, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z"}
      """
    And P1 sends GET {tokens}/de/rig/rig-env-16
    Then P1 is answered 200 with 1000

  @OCPI-ENV-17 @conformance
  Scenario: Letters of all scripts stay as they are
    Given P1 is registered
    When P1 sends PUT {tokens}/DE/RIG/RIG-ENV-17
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "RIG-ENV-17", "type": "RFID", "contract_id": "DE-RIG-C1",
       "issuer": "Ladesäule 電気 ⚡", "visual_number": "\"1\" \\ 2", "valid": true, "whitelist": "ALLOWED",
       "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 200 with 1000 or 201 with 1000
    When P1 sends GET {tokens}/DE/RIG/RIG-ENV-17
    Then the data contains
      """
      {"issuer": "Ladesäule 電気 ⚡", "visual_number": "\"1\" \\ 2"}
      """

  @OCPI-ENV-18 @recommended
  Scenario Outline: What is too long is refused and not cut, here <fault>
    Given P1 is registered
    When P1 sends PUT {tokens}/DE/RIG/<uid>
      """
      {"country_code": "DE", "party_id": "RIG", "uid": "<uid>", "type": "RFID", "contract_id": "<contract>",
       "issuer": "<issuer>", "language": "<language>", "valid": true, "whitelist": "ALLOWED",
       "last_updated": "2026-01-01T00:00:00Z"}
      """
    Then P1 is answered 200 with 2001; 200 with 2xxx or 20x with 1000 only warns

    Examples:
      | fault      | uid                                   | contract                              | issuer | language |
      | a uid      | AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA | C                                     | Rig    | de       |
      | a contract | RIG-ENV-18                            | CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC | Rig    | de       |
      | an issuer  | RIG-ENV-18                            | C                                     | RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR | de |
      | a language | RIG-ENV-18                            | C                                     | Rig    | eng      |

  @OCPI-ENV-19 @recommended
  Scenario: Methods that a module does not have are not served
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    When P1 sends these requests
      | POST   | {locations}/{location}     | {} |
      | PUT    | {locations}/{location}     | {} |
      | PATCH  | {locations}/{location}     | {} |
      | DELETE | {locations}/{location}     |  |
      | PUT    | {tariffs}                  | {} |
      | POST   | {cdrs}                     | {} |
      | GET    | {commands}/START_SESSION   |  |
      | POST   | {tokens}/DE/RIG/RIG-ENV-19 | {} |
      | DELETE | {tokens}/DE/RIG/RIG-ENV-19 |  |
      | PATCH  | {credentials}              | {} |
    Then each of the answers is 405 or 404
    When P1 sends GET {locations}/{location}
    Then P1 is answered 200 with 1000

  @OCPI-ENV-20 @conformance @own-initiative
  Scenario: What the CPO sends is a bare object in JSON
    Given P1 has an invitation
    When the CPO is told to register with P1
    Then the CPO reads the versions and details of P1 and posts its credentials, each with the token that it was given
