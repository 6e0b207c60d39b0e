@ocpp16 @core @charge-point @power
Feature: Power is lost during a session

  Background:
    Given a charge point that is booted and idle

  @TC_032_1_CS @backup-power
  Scenario: With backup power the session is stopped before the lights go out
    Given a session with the known tag runs on connector 1
    When the power fails for 1 second and the backup holds for a moment
    Then it stops the transaction because of PowerLoss
    And before or after that, it reports connector 1 as Finishing
    And it boots
    And it reports connector 1 as Finishing or Preparing and the others as Available

  @TC_032_2_CS @no-backup-power
  Scenario: Without backup power the session is stopped when the lights are back
    Given a session with the known tag runs on connector 1
    When the charge point is power cycled
    Then it boots
    And it reports connector 1 in a session or after one and the others as Available
    And it stops the transaction because of PowerLoss, or goes on until the known tag stops it

  @no-backup-power @recommended
  Scenario: A connector that is to go out of service does so when a power cut ends its session
    Given a session with the known tag runs on connector 1
    When the CSMS sends ChangeAvailability
      | connectorId | 1           |
      | type        | Inoperative |
    Then it answers Scheduled
    When the charge point is power cycled
    Then it boots
    And it reports connector 1 in a session, after one or out of service and the others as Available
    And it may report connector 1 as Finishing
    And it may report connector 1 as Unavailable
    And it stops the transaction because of PowerLoss, or goes on until the known tag stops it, and may be out of service then
    When the driver unplugs at the car on connector 1
    Then connector 1 is Unavailable in the end

  @no-backup-power
  Scenario: What a power cut ended is told once the boot is accepted
    Given a session with the known tag runs on connector 1
    And the CSMS answers the next boot with Rejected and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    And it sends nothing else for 1500 milliseconds
    And it boots again no sooner than 2 seconds after the answer
    And it reports connector 1 in a session or after one and the others as Available
    And it stops the transaction because of PowerLoss, or goes on until the known tag stops it

  @local-stop
  Scenario: What waits for the connection outlives a power cut
    Given a session with the known tag runs on connector 1
    When the charge point loses its connection for 8 seconds
    And the driver presents the known tag at connector 1
    And 3 seconds have gone by
    And the charge point is power cycled
    Then it boots
    And it reports connector 1 as Finishing or Preparing and the others as Available
    And before or after that, it stops the transaction because of Local with the known tag, ended during the outage

  Scenario: The register outlives a power cut
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 1
    Then it sends 2 meter values of the transaction, sampled 1 second apart
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it may ask about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And its meterStart is not below the meterStop before
