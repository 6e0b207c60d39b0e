@ocpp16 @remote-trigger @csms @trigger @driver
Feature: The CSMS asks for messages when its operator wants them

  Background:
    Given a charge point with RemoteTrigger and FirmwareManagement that the CSMS has accepted

  @TC_054_CSMS
  Scenario: Each message is asked for and acknowledged
    When the operator has the CSMS trigger MeterValues of connector 1
    Then the CSMS sends TriggerMessage for MeterValues of connector 1
    When it answers Accepted
    And it sends meter values that were asked for
    Then the CSMS acknowledges
    When the operator has the CSMS trigger Heartbeat
    Then the CSMS sends TriggerMessage for Heartbeat
    When it answers Accepted
    And it sends a heartbeat
    Then the CSMS answers with its clock
    When the operator has the CSMS trigger StatusNotification of connector 1
    Then the CSMS sends TriggerMessage for StatusNotification of connector 1
    When it answers Accepted
    And it reports connector 1 as Available
    Then the CSMS acknowledges
    When the operator has the CSMS trigger DiagnosticsStatusNotification
    Then the CSMS sends TriggerMessage for DiagnosticsStatusNotification
    When it answers Accepted
    And it sends DiagnosticsStatusNotification with the status Idle
    Then the CSMS acknowledges
    When the operator has the CSMS trigger FirmwareStatusNotification
    Then the CSMS sends TriggerMessage for FirmwareStatusNotification
    When it answers Accepted
    And it sends FirmwareStatusNotification with the status Idle
    Then the CSMS acknowledges

  @TC_055_CSMS
  Scenario: A trigger that is refused leaves the next one free
    When the operator has the CSMS trigger MeterValues of a connector that is not there, if it can
    Then the CSMS sends TriggerMessage for MeterValues of that connector
    When it answers Rejected
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS trigger Heartbeat
    Then the CSMS sends TriggerMessage for Heartbeat
    When it answers Accepted
    And it sends a heartbeat
    Then the CSMS answers with its clock

  Scenario: A boot is asked for and acknowledged
    When the operator has the CSMS trigger BootNotification
    Then the CSMS sends TriggerMessage for BootNotification
    When it answers Accepted
    And it boots
    Then the CSMS answers Accepted with its clock and an interval

  Scenario: A trigger that the charge point does not implement leaves the next command free
    When the operator has the CSMS trigger FirmwareStatusNotification
    Then the CSMS sends TriggerMessage for FirmwareStatusNotification
    When it answers NotImplemented
    Then the CSMS sends nothing more and still serves
    When the operator has the CSMS clear the authorization cache
    Then the CSMS sends ClearCache
    When it answers Accepted
    Then the CSMS sends nothing more and still serves
