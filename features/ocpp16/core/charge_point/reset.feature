@ocpp16 @core @charge-point @reset
Feature: The CSMS takes a charge point out of service and restarts it

  Background:
    Given a charge point that is booted and idle

  @TC_013_CS
  Scenario: Availability survives a hard reset
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 1 as Unavailable
    When the CSMS sends Reset
      | type | Hard |
    Then it answers Accepted
    And it boots
    And it reports connector 1 as Unavailable and the others as Available
    When the CSMS sends ChangeAvailability
      | connectorId | 1         |
      | type        | Operative |
    Then it answers Accepted
    And it reports connector 1 as Available

  @TC_014_CS
  Scenario: Availability survives a soft reset
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 1 as Unavailable
    When the CSMS sends Reset
      | type | Soft |
    Then it answers Accepted
    And it boots
    And it reports connector 1 as Unavailable and the others as Available
    When the CSMS sends ChangeAvailability
      | connectorId | 1         |
      | type        | Operative |
    Then it answers Accepted
    And it reports connector 1 as Available

  @TC_015_CS
  Scenario: A hard reset ends the session
    Given a session with the known tag runs on connector 1
    When the CSMS sends Reset
      | type | Hard |
    Then it answers Accepted
    And it may report connector 1 as Finishing
    And it boots and stops the transaction because of HardReset, in any order
    And it reports connector 1 as Finishing or Preparing and the others as Available

  @TC_016_CS
  Scenario: A soft reset ends the session in good order
    Given a session with the known tag runs on connector 1
    When the CSMS sends Reset
      | type | Soft |
    Then it answers Accepted
    And it stops the transaction because of SoftReset
    And before or after that, it may report connector 1 as Finishing
    And it boots
    And it reports connector 1 as Finishing or Preparing and the others as Available

  @TC_034_CS
  Scenario: Availability survives a power cut
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 1 as Unavailable
    When the charge point is power cycled
    Then it boots
    And it reports connector 1 as Unavailable and the others as Available
    When the CSMS sends ChangeAvailability
      | connectorId | 1         |
      | type        | Operative |
    Then it answers Accepted
    And it reports connector 1 as Available

  Scenario: A connector in use goes out of service when the session is over
    Given a session with the known tag runs on connector 1
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Scheduled
    And it sends no StopTransaction for 1 second
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And it may report connector 1 as Finishing
    And it may report connector 1 as Unavailable
    When the driver unplugs at the car on connector 1
    Then connector 1 is Unavailable in the end
    When the CSMS sends ChangeAvailability
      | connectorId | 1         |
      | type        | Operative |
    Then it answers Accepted
    And it may report connector 1 as Available
    And it may report connector 1 as Preparing
    And it may report connector 1 as Finishing

  Scenario: A connector that is to go out of service does so when a reset ends its session
    Given a session with the known tag runs on connector 1
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Scheduled
    When the CSMS sends Reset
      | type | Hard |
    Then it answers Accepted
    And it may report connector 1 as Finishing
    And it may report connector 1 as Unavailable
    And it boots and stops the transaction because of HardReset, in any order
    And it reports connector 1 as Unavailable, Finishing or Preparing and the others as Available
    And it may report connector 1 as Unavailable
    When the driver unplugs at the car on connector 1
    Then connector 1 is Unavailable in the end

  Scenario: The whole charge point goes out of service
    When the CSMS sends ChangeAvailability
      | connectorId | 0           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 0 and every connector as Unavailable
    When the CSMS sends ChangeAvailability
      | connectorId | 0         |
      | type        | Operative |
    Then it answers Accepted
    And it reports connector 0 and every connector as Available

  Scenario: The whole charge point stays out of service through a power cut
    When the CSMS sends ChangeAvailability
      | connectorId | 0           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 0 and every connector as Unavailable
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Unavailable
    When the CSMS sends ChangeAvailability
      | connectorId | 0         |
      | type        | Operative |
    Then it answers Accepted
    And it reports connector 0 and every connector as Available

  Scenario: A connector that is out of service charges nobody
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 1 as Unavailable
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Accepted
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Rejected
    When the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it sends no StartTransaction for 1500 milliseconds

  Scenario: A charge point that is out of service as a whole charges nobody
    When the CSMS sends ChangeAvailability
      | connectorId | 0           |
      | type        | Inoperative |
    Then it answers Accepted
    And it reports connector 0 and every connector as Unavailable
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Rejected
    When the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it sends no StartTransaction for 1500 milliseconds

  Scenario: A charge point in use goes out of service when the session is over
    Given a session with the known tag runs on connector 1
    When the CSMS sends ChangeAvailability
      | connectorId | 0           |
      | type        | Inoperative |
    Then it answers Scheduled
    And it may report any connector as Unavailable
    And it sends no StopTransaction for 1 second
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And it may report connector 1 as Finishing
    And it may report any connector as Unavailable
    When the driver unplugs at the car on connector 1
    Then connector 1 is Unavailable in the end
