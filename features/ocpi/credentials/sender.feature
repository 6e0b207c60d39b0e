@cpo @own-initiative
Feature: The CPO registers with a partner

  @OCPI-CRED-20 @conformance
  Scenario: The CPO offers itself with the token that it was given
    Given P1 has an invitation
    When the CPO is told to register with P1
    Then the CPO reads the versions and details of P1 and posts its credentials, each with the token that it was given
    And the token that the CPO posted opens it

  @OCPI-CRED-21 @recommended
  Scenario: Without a version in common the CPO does not register
    Given P1 has an invitation
    And P1 lists the versions 2.1.1
    When the CPO is told to register with P1
    Then the CPO posts no credentials to P1 within 1 second

  @OCPI-CRED-21 @recommended
  Scenario: A refusal in an answer 200 is a refusal
    Given P1 has an invitation
    And P1 answers requests for its credentials with the status code 3001
    When the CPO is told to register with P1
    Then the token that the CPO posted is refused by it with 401

  @OCPI-CRED-22 @recommended
  Scenario: A renewal that was refused keeps the old token, and one that was not gives another
    Given P1 has an invitation
    When the CPO is told to register with P1
    Then the token that the CPO posted opens it
    When P1 answers requests for its credentials once with HTTP 500
    And the CPO is told to renew its registration with P1
    Then the token that the CPO put is refused by it with 401
    When the CPO is told to renew its registration with P1
    Then the token that the CPO put opens it
