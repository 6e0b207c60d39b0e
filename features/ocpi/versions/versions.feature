@cpo
Feature: A CPO says which versions of OCPI it speaks, and where its modules are

  @OCPI-VER-01 @conformance @invited
  Scenario: The list of versions offers 2.2.1 at a URL that can be used
    Given P1 has an invitation
    When P1 reads the list of versions
    Then P1 is answered 200 with 1000
    And the list offers 2.2.1 once, and each version once, at an absolute URL of at most 255 characters
    When P1 reads each version of the list
    Then each of the answers is 200 with 1000

  @OCPI-VER-02 @conformance @invited
  Scenario: The details say of each endpoint what it is for, who calls there, and where it is
    Given P1 has an invitation
    When P1 reads the details of 2.2.1
    Then P1 is answered 200 with 1000
    And the details name each endpoint by identifier, role and absolute URL, and none twice

  @OCPI-VER-03 @conformance @invited
  Scenario: The modules of a CPO are listed with the role of the CPO
    Given P1 has an invitation
    When P1 reads the details of 2.2.1
    Then each module has the role that it has at a CPO; one that is missing only warns

  @OCPI-VER-04 @conformance @invited
  Scenario: Each version of the list has its own details
    Given P1 has an invitation
    When P1 reads the list of versions
    And P1 reads each version of the list
    Then each of the answers is 200 with 1000
    And each answer is about the version under which it is listed

  @OCPI-VER-05 @conformance
  Scenario: Versions and details can be read after the registration as before it
    Given P1 is registered
    When P1 reads the details of 2.2.1
    Then each of the answers is 200 with 1000
    And versions and details are the same as before P1 was registered

  @OCPI-VER-07 @conformance @invited @uses-invitation
  Scenario: A partner with more versions and modules registers all the same
    Given P1 has an invitation
    And P1 lists the versions 2.1.1, 2.2.1, 2.3.0 and 9.9
    And P1 also lists the module de-rig-test
    When P1 registers
    Then P1 is answered 200 with 1000
    And the data is credentials of a CPO with a token that is new to P1
    And P1 was asked for its versions and the details of 2.2.1 alone

  @OCPI-VER-08 @compatibility
  Scenario: Details of a version that the CPO does not speak
    Given P1 is registered
    When P1 sends GET {versions}/9.9
    Then P1 is answered 404 with 3002
