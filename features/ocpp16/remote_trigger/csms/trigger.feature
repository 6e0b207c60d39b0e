@ocpp16 @remote-trigger @csms @trigger @driver
Feature: The CSMS asks for messages when its operator wants them

  Background:
    Given a charge point with RemoteTrigger and FirmwareManagement that the CSMS has accepted

  @TC_054_CSMS
  Scenario: Each message is asked for and acknowledged
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | MeterValues |
      | connectorId      | 1           |
    Then the CSMS sends that command
    When it answers Accepted
    And it sends meter values that were asked for
    Then the CSMS acknowledges
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | Heartbeat |
    Then the CSMS sends that command
    When it answers Accepted
    And it sends Heartbeat
    Then the CSMS answers with its clock
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | StatusNotification |
      | connectorId      | 1                  |
    Then the CSMS sends that command
    When it answers Accepted
    And it reports connector 1 as Available
    Then the CSMS acknowledges
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | DiagnosticsStatusNotification |
    Then the CSMS sends that command
    When it answers Accepted
    And it sends DiagnosticsStatusNotification
      | status | Idle |
    Then the CSMS acknowledges
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | FirmwareStatusNotification |
    Then the CSMS sends that command
    When it answers Accepted
    And it sends FirmwareStatusNotification
      | status | Idle |
    Then the CSMS acknowledges

  @TC_055_CSMS
  Scenario: A trigger that is refused leaves the next one free
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | MeterValues                   |
      | connectorId      | a connector that is not there |
    Then the CSMS sends that command
    When it answers Rejected
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | Heartbeat |
    Then the CSMS sends that command
    When it answers Accepted
    And it sends Heartbeat
    Then the CSMS answers with its clock

  Scenario: A boot is asked for and acknowledged
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | BootNotification |
    Then the CSMS sends that command
    When it answers Accepted
    And it boots
    Then the CSMS answers Accepted with its clock and an interval

  Scenario: A trigger that the charge point does not implement leaves the next command free
    When the operator has the CSMS send TriggerMessage, if it can
      | requestedMessage | FirmwareStatusNotification |
    Then the CSMS sends that command
    When it answers NotImplemented
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS send ClearCache
    Then the CSMS sends that command
    When it answers Accepted
    Then the CSMS sends nothing more and still serves
