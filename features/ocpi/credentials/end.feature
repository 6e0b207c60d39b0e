@cpo
Feature: A partner ends its registration

  @OCPI-CRED-14 @conformance @ends-first-registration
  Scenario: After the end the token opens nothing, and the partner hears nothing
    Given P1 is registered
    When P1 ends its registration
    Then P1 is answered 200 with 1000
    When P1 sends GET {versions} with the token before
    Then P1 is answered 401
    And P1 was asked nothing meanwhile
