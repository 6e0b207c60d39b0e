@ocpp16 @core @charge-point @connectors
Feature: Each connector has its own sessions
  What is told of one connector is not told of another, and what is ordered for one is not done at another.

  Background:
    Given a charge point that is booted and idle
    And the charge point has more than one connector

  Scenario: A session runs on the second connector
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 2
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 2 as Finishing
    When the driver unplugs at the car on connector 2
    Then it reports connector 2 as Available

  Scenario: A remote start is for the connector that it names
    When the driver plugs in at connector 2
    Then it reports connector 2 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 2             |
    Then it answers Accepted
    And it may ask about the known tag
    And it starts a transaction on connector 2 with the known tag
    And before or after that, it reports connector 2 as Charging

  Scenario: Two sessions run at the same time
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 2
    And a session with another tag runs on connector 1
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction of connector 2 |
    Then it answers Accepted
    And it stops the transaction of connector 2 because of Remote
    And before or after that, it reports connector 2 as Finishing
    And it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction of connector 1 |
    Then it answers Accepted
    And it stops the transaction of connector 1 because of Remote
    And before or after that, it reports connector 1 as Finishing

  Scenario: A soft reset ends all sessions
    Given a session with the known tag runs on connector 1
    And a session with another tag runs on connector 2
    When the CSMS sends Reset
      | type | Soft |
    Then it answers Accepted
    And it may report connector 1 as Finishing
    And it may report connector 2 as Finishing
    And it stops the transaction of connector 1 because of SoftReset
    And before or after that, it stops the transaction of connector 2 because of SoftReset
    And it boots
    And it reports every connector as Finishing or Preparing and connector 0 as Available

  @detachable-cable
  Scenario: Unlocking one connector ends its session alone
    Given a session with the known tag runs on connector 1
    And a session with another tag runs on connector 2
    When the CSMS sends UnlockConnector
      | connectorId | 2 |
    Then it answers Unlocked
    And it stops the transaction of connector 2 because of UnlockCommand
    And before or after that, it reports connector 2 as Finishing
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction of connector 1 |
    Then it answers Accepted
    And it stops the transaction of connector 1 because of Remote
    And before or after that, it reports connector 1 as Finishing

  Scenario: One connector goes out of service and another goes on
    When the CSMS sends ChangeAvailability
      | connectorId | 2           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 2 as Unavailable
    Given a session with the known tag runs on connector 1
    When the CSMS sends ChangeAvailability
      | connectorId | 2         |
      | type        | Operative |
    Then it answers Accepted
    And it reports connector 2 as Available

  Scenario: A fault of one connector is told of that one
    When connector 2 fails with GroundFailure
    Then it reports connector 2 as Faulted with GroundFailure
    And it may report any connector as Faulted
    When the fault of connector 2 is over
    Then it reports connector 2 as Available with NoError
    And it may report any connector as Available
