@ocpp16 @core @charge-point @unlock
Feature: The CSMS unlocks a connector

  Background:
    Given a charge point that is booted and idle

  @TC_017_1_CS @detachable-cable
  Scenario: An idle connector is unlocked
    When the CSMS sends UnlockConnector
      | connectorId | 1 |
    Then it answers Unlocked

  @TC_017_2_CS @fixed-cable
  Scenario: A fixed cable has nothing to unlock
    When the CSMS sends UnlockConnector
      | connectorId | 1 |
    Then it answers NotSupported

  @TC_018_1_CS @detachable-cable
  Scenario: Unlocking ends the session
    Given a session with the known tag runs on connector 1
    When the CSMS sends UnlockConnector
      | connectorId | 1 |
    Then it answers Unlocked
    And it stops the transaction because of UnlockCommand
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the station on connector 1
    Then it reports connector 1 as Available

  @TC_018_2_CS @fixed-cable
  Scenario: A fixed cable stays and the session goes on
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 1
    When the CSMS sends UnlockConnector
      | connectorId | 1 |
    Then it answers NotSupported
    And it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing

  @TC_030_CS @detachable-cable
  Scenario: A jammed lock is reported
    Given the driver has plugged in at connector 1
    And the lock of connector 1 is jammed
    When the CSMS sends UnlockConnector
      | connectorId | 1 |
    Then it answers UnlockFailed
    And it may report connector 1 as Preparing
    And it may report connector 1 as Faulted

  @TC_031_CS
  Scenario: A connector that is not there cannot be unlocked
    When the CSMS sends UnlockConnector
      | connectorId | a connector that is not there |
    Then it answers NotSupported
