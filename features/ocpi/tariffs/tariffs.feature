@cpo
Feature: Partners see what charging costs

  @OCPI-TAR-01 @conformance
  Scenario: Tariffs are whole
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    When P1 reads all tariffs
    Then each of the answers is 200 with 1000
    And what tariffs say to P1 makes sense

  @OCPI-TAR-02 @conformance @sets-tariffs
  Scenario: What costs nothing has a tariff that says so
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    And the first charge point is free of charge
    Then the tariff of its connector that P1 sees is one FLAT of 0

  @OCPI-TAR-03 @conformance @sets-tariffs
  Scenario: A new price is a new state of the tariff
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    And P1 remembers the tariff of its connector
    When the first charge point gets the price 0.48 a kilowatt hour
    Then P1 sees the same tariff with a later last_updated and the net price of 0.48

  @OCPI-TAR-04 @conformance
  Scenario: No connector has two prices at one time
    Given P1 is registered
    And P1 sees at least 1 place with tariffs
    Then no connector that P1 sees has two tariffs of one type at one time
