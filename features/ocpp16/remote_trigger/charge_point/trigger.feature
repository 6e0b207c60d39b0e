@ocpp16 @remote-trigger @charge-point @trigger
Feature: The CSMS asks a charge point for a message
  What is asked for is answered first and then sent; what cannot be told is refused.

  Background:
    Given a charge point that is booted and idle
    And it claims the profile RemoteTrigger

  @TC_054_CS
  Scenario: Each message comes when it is asked for
    When the CSMS sends TriggerMessage
      | requestedMessage | MeterValues |
      | connectorId      | 1           |
    Then it answers Accepted and sends the MeterValues of connector 1 that were asked for, or does not have them
    When the CSMS sends TriggerMessage
      | requestedMessage | Heartbeat |
    Then it answers Accepted
    And it sends the Heartbeat that was asked for
    When the CSMS sends TriggerMessage
      | requestedMessage | StatusNotification |
      | connectorId      | 1                  |
    Then it answers Accepted
    And it sends the StatusNotification of connector 1 that was asked for
    When the CSMS sends TriggerMessage
      | requestedMessage | DiagnosticsStatusNotification |
    Then it answers Accepted and sends DiagnosticsStatusNotification with Idle, or does not have it
    When the CSMS sends TriggerMessage
      | requestedMessage | FirmwareStatusNotification |
    Then it answers Accepted and sends FirmwareStatusNotification with Idle, or does not have it

  @TC_055_CS
  Scenario: A connector that is not there has nothing to tell
    When the CSMS sends TriggerMessage
      | requestedMessage | MeterValues                   |
      | connectorId      | a connector that is not there |
    Then it answers Rejected or with an error
    And it sends no meter values of that connector for 1 second

  Scenario: Without a connector all are meant
    When the CSMS sends TriggerMessage
      | requestedMessage | StatusNotification |
    Then it answers Accepted
    And it reports connector 0 and every connector as Available

  Scenario: A connector that does not matter is passed over
    When the CSMS sends TriggerMessage
      | requestedMessage | Heartbeat |
      | connectorId      | 1         |
    Then it answers Accepted
    And it sends the Heartbeat that was asked for

  Scenario: A pending charge point boots when it is asked to
    Given the CSMS answers the next boot with Pending and an interval of 300 seconds
    When the charge point is power cycled
    Then it boots
    When the CSMS sends TriggerMessage
      | requestedMessage | BootNotification |
    Then it answers Accepted
    And it sends the BootNotification that was asked for
    And it reports connector 0 and every connector as Available

  Scenario: The readings of a session are told when they are asked for
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 0
    And a session with the known tag runs on connector 1
    When the CSMS sends TriggerMessage
      | requestedMessage | MeterValues |
      | connectorId      | 1           |
    Then it answers Accepted and sends the MeterValues of connector 1 that were asked for, or does not have them
    And no meter values name another transaction
    When the CSMS sends TriggerMessage
      | requestedMessage | StatusNotification |
      | connectorId      | 1                  |
    Then it answers Accepted
    And it sends the StatusNotification of connector 1 that was asked for
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing

  Scenario: The status of another connector is told when it is asked for
    Given the charge point has more than one connector
    When the CSMS sends TriggerMessage
      | requestedMessage | StatusNotification |
      | connectorId      | 2                  |
    Then it answers Accepted
    And it sends the StatusNotification of connector 2 that was asked for
