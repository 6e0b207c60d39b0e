@cpo
Feature: Who shows no token that counts gets nothing

  @OCPI-AUTH-01 @conformance
  Scenario: Without a token every endpoint is closed
    Given P1 is registered
    When P1 asks every endpoint with no token
    Then each of the answers is 401
    And an answer without an envelope or with data only warns
    When P1 asks every endpoint with an empty header
    Then each of the answers is 401
    And an answer without an envelope or with data only warns

  @OCPI-AUTH-02 @conformance
  Scenario: With a token that nobody gave out every endpoint is closed
    Given P1 is registered
    When P1 asks every endpoint with the token rig-no-such-token
    Then each of the answers is 401

  @OCPI-AUTH-03 @conformance @invited
  Scenario: An invitation opens versions and credentials alone
    Given P1 has an invitation
    And P1 has read versions and details
    When P1 asks every module with token A
    Then each of the answers is 401
    When P1 sends GET {credentials} with token A
    Then P1 is answered 200

  @OCPI-AUTH-05 @compatibility
  Scenario: A token that is not encoded is understood
    Given P1 is registered
    When the next request of P1 has the header Authorization: Token {p1 token c}
    And P1 sends GET {versions}
    Then P1 is answered 200 with 1000

  @OCPI-AUTH-06 @compatibility
  Scenario: A token that was encoded with a line feed is understood
    Given P1 is registered
    When the next request of P1 has the header Authorization: Token base64({p1 token c}\n)
    And P1 sends GET {versions}
    Then P1 is answered 200 with 1000

  @OCPI-AUTH-07 @conformance
  Scenario: A token that is almost right is wrong
    Given P1 is registered
    When P1 sends GET {versions}
    Then P1 is answered 200 with 1000
    When P1 sends GET {versions} with each of these values of the header Authorization
      | Token base64({p1 token c in the other case}) |
      | Token base64({p1 token c cut})               |
      | Token base64({p1 token c}x)                  |
    Then each of the answers is 401
    When the next request of P1 has the header Authorization: Token base64( {p1 token c})
    And P1 sends GET {versions}
    Then P1 is answered 401; 200 with 1000 only warns

  @OCPI-AUTH-08 @recommended
  Scenario: A header that is none of OCPI is refused and breaks nothing
    Given P1 is registered
    When P1 sends GET {versions} with each of these values of the header Authorization
      | Bearer base64({p1 token c}) |
      | Basic x                     |
      | Token %%%                   |
      | Token (byte FF)(byte FE)    |
      | Token 16 kB of A            |
    Then the answers are
      | 401                      |
      | 401                      |
      | 401                      |
      | 401                      |
      | 401 or 400 or 431        |
    When the next request of P1 has the header Authorization: Token base64({p1 token c})
    And the next request of P1 has the header Authorization: Token base64(another)
    And P1 sends GET {versions}
    Then P1 is answered 401 or 400 or 431

  @OCPI-AUTH-09 @conformance
  Scenario: The token by which the CPO calls does not open it
    Given P1 is registered
    When P1 sends these requests with token B
      | GET | {versions}  |  |
      | GET | {locations} |  |
    Then each of the answers is 401

  @OCPI-AUTH-10 @conformance
  Scenario Outline: The names of headers count in any case, here <authorization>
    Given P1 is registered
    When P1 writes GET {locations}?limit=1 with the headers <authorization> and <id>
    Then P1 is answered 200 with 1000
    And each of the answers has the X-Request-ID and X-Correlation-ID of its request

    Examples:
      | authorization | id           |
      | authorization | x-request-id |
      | AUTHORIZATION | X-REQUEST-ID |
