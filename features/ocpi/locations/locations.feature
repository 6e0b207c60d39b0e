@cpo
Feature: Partners see where they can charge

  @OCPI-LOC-01 @conformance
  Scenario: Locations, EVSEs and connectors are whole
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    When P1 reads all locations
    Then each of the answers is 200 with 1000
    And each location has EVSEs with a connector each

  @OCPI-LOC-02 @conformance
  Scenario: A location, an EVSE and a connector can be read alone
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    Then P1 reads each location, EVSE and connector alone as it stands in the list

  @OCPI-LOC-03 @recommended
  Scenario: Ids that are none, or of another place, are not found
    Given P1 is registered
    And P1 sees at least 2 places with tariffs
    When P1 sends these requests
      | GET | {locations}/no-such                                                                                                                                                                                                                                                                      |  |
      | GET | {locations}/{location}/no-such                                                                                                                                                                                                                                                           |  |
      | GET | {locations}/{location}/{evse}/99                                                                                                                                                                                                                                                         |  |
      | GET | {locations}/{location 2}/{evse}                                                                                                                                                                                                                                                          |  |
      | GET | {locations}/a%2Fb                                                                                                                                                                                                                                                                        |  |
      | GET | {locations}/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa |  |
    Then each of the answers is 404; 200 with 2003 only warns

  @OCPI-LOC-13 @recommended
  Scenario: The tariffs of connectors are in the list of tariffs
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    Then the tariffs of all connectors are in the list of P1, and one connector has one

  @OCPI-LOC-14 @conformance
  Scenario: What a location says makes sense
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    Then what locations say to P1 makes sense
