@ocpp16 @core @charge-point @stop
Feature: A session is stopped
  By the driver, by the car, or by the CSMS: the reason is told, and only those who may stop can.

  Background:
    Given a charge point that is booted and idle

  @local-stop
  Scenario: The driver stops with the tag that started
    Given a session with the known tag runs on connector 1
    When the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing
    And it has sent no Authorize since the tag was presented
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available

  @TC_005_1_CS @detachable-cable
  Scenario: Unplugging at the car stops the session and frees the cable
    Given the setting StopTransactionOnEVSideDisconnect is true
    And the setting UnlockConnectorOnEVSideDisconnect is true
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it stops the transaction because of EVDisconnected
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the station on connector 1
    Then it reports connector 1 as Available

  Scenario: A car that comes back after its session has ended starts nothing
    Given the setting StopTransactionOnEVSideDisconnect is true
    And the setting UnlockConnectorOnEVSideDisconnect is false
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it stops the transaction because of EVDisconnected
    And before or after that, it may report connector 1 as Finishing
    And it may report connector 1 as Available
    When the driver plugs in at connector 1
    Then it may report connector 1 as Preparing
    And it sends no StartTransaction for 1500 milliseconds

  @recommended @detachable-cable
  Scenario: A car that comes back gets no energy before its next session
    Given the setting StopTransactionOnEVSideDisconnect is true
    And the setting UnlockConnectorOnEVSideDisconnect is true
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it stops the transaction because of EVDisconnected
    And before or after that, it may report connector 1 as Finishing
    And it may report connector 1 as Available
    When the driver plugs in at connector 1
    Then it may report connector 1 as Preparing
    And it sends no StartTransaction for 4 seconds
    When the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it starts a transaction on connector 1 with the known tag
    And it may report connector 1 as Charging
    And it has given no energy since the end of the session before

  @TC_005_2_CS @detachable-cable
  Scenario: Unplugging at the car stops the session and the cable stays locked
    Given the setting StopTransactionOnEVSideDisconnect is true
    And the setting UnlockConnectorOnEVSideDisconnect is false
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it stops the transaction because of EVDisconnected
    And before or after that, it reports connector 1 as Finishing
    And the cable cannot be taken out at the station on connector 1
    When the CSMS sends UnlockConnector
      | connectorId | 1 |
    Then it answers Unlocked
    When the driver unplugs at the station on connector 1
    Then it reports connector 1 as Available

  @TC_005_3_CS
  Scenario: Unplugging at the car pauses the session until the CSMS stops it
    Given the setting StopTransactionOnEVSideDisconnect is false
    And the setting UnlockConnectorOnEVSideDisconnect is false
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as SuspendedEV
    And it sends no StopTransaction for 1 second
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing or Available

  @TC_012_CS
  Scenario: The CSMS stops the session
    Given a session with the known tag runs on connector 1
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing

  @TC_028_CS
  Scenario: A transaction that does not run cannot be stopped
    Given a session with the known tag runs on connector 1
    When the CSMS sends RemoteStopTransaction
      | transactionId | a transaction that does not run |
    Then it answers Rejected
    And it sends no StopTransaction for 1 second
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing

  @TC_068_CS @local-stop
  Scenario: Only the tag that started stops the session
    Given a session with the known tag runs on connector 1
    When the driver presents another tag at connector 1
    Then it may ask about another tag
    And it sends no StopTransaction for 1500 milliseconds
    When the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing
    And it has sent no Authorize since the tag was presented

  @TC_069_CS @local-stop
  Scenario: A tag of the same group stops the session
    Given the known tag and the sibling tag belong to one group
    And a session with the known tag runs on connector 1
    When the driver presents the sibling tag at connector 1
    Then it asks about the sibling tag
    And it stops the transaction because of Local with the sibling tag
    And before or after that, it reports connector 1 as Finishing

  @recommended @local-stop
  Scenario: A tag that reads like the group stops nothing
    Given the known tag and the sibling tag belong to one group
    And a session with the known tag runs on connector 1
    When the driver presents the group tag at connector 1
    Then it may ask about the group tag
    And it sends no StopTransaction for 1500 milliseconds
    When the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing

  @local-stop
  Scenario: A tag has no case
    Given a session with the known tag runs on connector 1
    When the driver presents the known tag in lower case at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing
    And it has sent no Authorize since the tag was presented

  @detachable-cable @local-stop
  Scenario: The cable is free when the driver has stopped
    Given a session with the known tag runs on connector 1
    When the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the station on connector 1
    Then it reports connector 1 as Available

  @detachable-cable
  Scenario: The cable is free when the CSMS has stopped
    Given a session with the known tag runs on connector 1
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the station on connector 1
    Then it reports connector 1 as Available

  @detachable-cable
  Scenario: A session that goes on without the car keeps the cable
    Given the setting StopTransactionOnEVSideDisconnect is false
    And the setting UnlockConnectorOnEVSideDisconnect is true
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as SuspendedEV
    And it sends no StopTransaction for 1 second
    And the cable cannot be taken out at the station on connector 1

  @recommended
  Scenario: A session that pauses goes on when the car is back
    Given the setting StopTransactionOnEVSideDisconnect is false
    And the setting UnlockConnectorOnEVSideDisconnect is false
    And a session with the known tag runs on connector 1
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as SuspendedEV
    When the driver plugs in at connector 1
    Then it may report connector 1 as SuspendedEVSE
    And it reports connector 1 as Charging
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
