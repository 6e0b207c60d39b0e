@ocpp16 @core @charge-point @boot
Feature: A charge point announces itself
  A charge point says nothing until the CSMS has accepted it, asks again after the interval it was given, and then
  reports every connector and keeps the line alive.

  Background:
    Given a charge point that is booted and idle

  @TC_001_CS
  Scenario: A charge point that is refused waits before it asks again
    Given the CSMS answers the next boot with Rejected and an interval of 2 seconds
    And the CSMS answers later boots with Accepted and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    And it sends nothing else for 1500 milliseconds
    And it boots again no sooner than 2 seconds after the answer
    And it reports connector 0 and every connector as Available
    And it sends 3 heartbeats, 2 seconds apart

  @TC_002_CS
  Scenario: A charge point that is kept pending can be configured and then comes up
    Given the CSMS answers the next boot with Pending and an interval of 2 seconds
    And the CSMS answers later boots with Accepted and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    When the CSMS sends GetConfiguration
    Then it answers with its configuration
    When the CSMS sets MeterValueSampleInterval to another value
    Then it answers Accepted
    And it has booted again, or boots again, no sooner than 2 seconds after the answer
    And it reports connector 0 and every connector as Available
    And it sends 3 heartbeats, 2 seconds apart

  Scenario: A pending charge point starts no session
    Given the CSMS answers the next boot with Pending and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Rejected or with an error
    And it has booted again, or boots again, no sooner than 2 seconds after the answer
    And it reports connector 0 and every connector as Available
    And it sends no StartTransaction for 1 second

  @no-backup-power
  Scenario: A pending charge point stops no session for the CSMS
    Given a session with the known tag runs on connector 1
    And the CSMS answers the next boot with Pending and an interval of 4 seconds
    When the charge point is power cycled
    Then it boots
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Rejected or with an error
    And it has booted again, or boots again, no sooner than 4 seconds after the answer
    And it reports connector 1 in a session or after one and the others as Available
    And it stops the transaction because of PowerLoss, or goes on until the known tag stops it

  @recommended
  Scenario: A boot that the CSMS cannot process is tried again
    Given the CSMS cannot process the next BootNotification
    When the charge point is power cycled
    Then it boots
    And it boots again
    And it reports connector 0 and every connector as Available

  Scenario: Heartbeats keep the interval that the CSMS gave
    Given the CSMS answers later boots with Accepted and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    And it sends 3 heartbeats, 2 seconds apart

  Scenario: Heartbeats keep the interval that was set
    Given the CSMS answers later boots with Accepted and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    Given the setting HeartbeatInterval is 4
    Then it sends 3 heartbeats, 4 seconds apart

  Scenario: A charge point that is refused answers no command
    Given the CSMS answers the next boot with Rejected and an interval of 4 seconds
    When the charge point is power cycled
    Then it boots
    When the CSMS sends GetConfiguration
      | key | ["HeartbeatInterval"] |
    Then it does not answer for 1500 milliseconds
    And it boots again no sooner than 4 seconds after the answer
    And it has not answered before that boot
    And it reports connector 0 and every connector as Available

  Scenario: A charge point that is refused without an interval chooses one
    Given the CSMS answers the next boot with Rejected and an interval of 0 seconds
    When the charge point is power cycled
    Then it boots
    And it does not boot again at once
    And it may report any connector as Available
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available

  Scenario: Heartbeats go on after one that the CSMS cannot process
    Given the CSMS answers later boots with Accepted and an interval of 2 seconds
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    Given the CSMS cannot process the next Heartbeat
    Then it sends 3 heartbeats, 2 seconds apart

  Scenario: A time with an offset is the same time
    Given the CSMS tells the time with the offset +05:30
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    Given a session with the known tag runs on connector 1

  Scenario Outline: A time is read <form>
    Given the CSMS tells the time <form>
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    Given a session with the known tag runs on connector 1

    Examples:
      | form                |
      | in whole seconds    |
      | with seven decimals |

  Scenario: A lost connection alone is no boot
    When the charge point loses its connection for 1 second
    Then it comes back without a boot
