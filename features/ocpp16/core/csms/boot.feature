@ocpp16 @core @csms @boot
Feature: The CSMS takes a charge point in

  @TC_001_CSMS
  Scenario: A cold boot is acknowledged from the first message to the heartbeat
    When a charge point connects
    And it boots
    Then the CSMS answers Accepted with its clock and an interval
    When it reports connector 0 as Available
    Then the CSMS acknowledges
    When it reports connector 1 as Available
    Then the CSMS acknowledges
    When it reports connector 2 as Available
    Then the CSMS acknowledges
    When it sends Heartbeat
    Then the CSMS answers with its clock

  Scenario: Without a common subprotocol the line is closed at once
    When a charge point offers only the subprotocol ocpp9.9
    Then the CSMS confirms no subprotocol and closes the line

  Scenario: With no subprotocol at all the line is closed at once
    When a charge point offers no subprotocol
    Then the CSMS confirms no subprotocol and closes the line

  Scenario: The clock of the CSMS goes on
    Given a charge point that the CSMS has accepted
    When it sends Heartbeat
    Then the clock of the CSMS has gone on 2 seconds later

  Scenario: The common subprotocol is confirmed among others
    When a charge point offers the subprotocols ocpp9.9 and ocpp1.6
    Then the CSMS confirms the subprotocol ocpp1.6

  @robustness
  Scenario: The newest connection of a charge point wins
    Given a charge point that the CSMS has accepted
    When it connects once more while the first line is still open
    And it sends Heartbeat
    Then the CSMS answers with its clock
    And the CSMS closes the first line

  @driver @robustness
  Scenario: A late answer on the old line does not end the new one
    Given a charge point that the CSMS has accepted
    When the operator has the CSMS send GetConfiguration
    Then the CSMS sends that command
    When it connects once more while the first line is still open
    And it answers the command on the first line
    And it sends Heartbeat
    Then the CSMS answers with its clock
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked

  @driver
  Scenario: A command goes to a charge point that came back without a boot
    Given a charge point that the CSMS has accepted
    When it loses its connection and connects again
    And it sends Heartbeat
    Then the CSMS answers with its clock
    When the operator has the CSMS send UnlockConnector
      | connectorId | 1 |
    Then the CSMS sends that command
    When it answers Unlocked
    Then the CSMS sends nothing more and still serves
