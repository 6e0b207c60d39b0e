@ocpp16 @core @charge-point @offline
Feature: The connection is lost and comes back
  What belongs to a transaction is kept while the line is down and told in order, with the time it happened.

  Background:
    Given a charge point that is booted and idle

  @TC_036_CS
  Scenario: Meter values of an outage arrive in the order they were taken
    Given the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And a session with the known tag runs on connector 1
    When the charge point loses its connection for 9 seconds
    Then it delivers at least 6 meter values taken during the outage, 1 second apart and oldest first
    And no meter values name another transaction

  @TC_037_1_CS @offline-tx
  Scenario: A session that began during an outage is told afterwards
    Given the setting LocalAuthorizeOffline is true
    And the charge point knows the known tag by itself
    When the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag, begun during the outage
    And it may report connector 1 as Preparing
    And before or after that, it reports connector 1 as Charging

  @offline-tx
  Scenario: The readings of a session that began during an outage name it
    Given the setting LocalAuthorizeOffline is true
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And the charge point knows the known tag by itself
    When the charge point loses its connection for 5 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag, begun during the outage
    And it may report connector 1 as Preparing
    And it may report connector 1 as Charging
    And it sends 3 meter values of the transaction, sampled 1 second apart
    And every reading of the session names it

  @TC_037_2_CS @offline-tx
  Scenario: A session that began during an outage gets no more energy when its tag is refused
    Given the setting MaxEnergyOnInvalidId is 0 where there is one
    And the setting StopTransactionOnInvalidId is false
    And the setting LocalAuthorizeOffline is true
    And the setting ClockAlignedDataInterval is 0
    And the setting MeterValueSampleInterval is 1
    And the charge point knows the known tag by itself
    And the CSMS answers the next StartTransaction with Invalid
    When the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag, begun during the outage
    And it may report connector 1 as Preparing
    And it may report connector 1 as Charging
    And it reports connector 1 as SuspendedEVSE
    And the register of connector 1 does not rise for 3 seconds
    And it sends no StopTransaction for 1 second
    And connector 1 is not reported as Charging for 500 milliseconds

  @TC_037_3_CS @offline-tx
  Scenario: A session that began during an outage is stopped when its tag is refused
    Given the setting MaxEnergyOnInvalidId is 0 where there is one
    And the setting StopTransactionOnInvalidId is true
    And the setting LocalAuthorizeOffline is true
    And the charge point knows the known tag by itself
    And the CSMS answers the next StartTransaction with Invalid
    When the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag, begun during the outage
    And it may report connector 1 as Preparing
    And it may report connector 1 as Charging
    And it stops the transaction because of DeAuthorized
    And before or after that, it reports connector 1 as Finishing

  @TC_038_CS @local-stop
  Scenario: A session that ended during an outage is told afterwards
    Given a session with the known tag runs on connector 1
    When the charge point loses its connection for 4 seconds
    And the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag, ended during the outage
    And before or after that, it reports connector 1 as Finishing
    And it has sent no Authorize since the tag was presented

  Scenario: A session whose car left during an outage is told as ended afterwards
    Given the setting StopTransactionOnEVSideDisconnect is true
    And a session with the known tag runs on connector 1
    When the charge point loses its connection for 4 seconds
    And the driver unplugs at the car on connector 1
    Then it stops the transaction because of EVDisconnected, ended during the outage
    And it may report connector 1 as Finishing
    And it may report connector 1 as Available

  @TC_039_CS @local-stop @offline-tx
  Scenario: A whole session during an outage is told afterwards
    Given the setting LocalAuthorizeOffline is true
    And the charge point knows the known tag by itself
    When the charge point loses its connection for 8 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    And 3 seconds have gone by
    And the driver presents the known tag at connector 1
    Then it starts a transaction on connector 1 with the known tag, begun during the outage
    And it stops the transaction because of Local with the known tag, ended during the outage
    And it may report connector 1 as Preparing
    And it may report connector 1 as Charging
    And it may report connector 1 as Finishing

  Scenario: The cache starts nobody offline where the setting says so
    Given the charge point knows the known tag by itself
    And the setting AllowOfflineTxForUnknownId is false where there is one
    And the setting LocalAuthorizeOffline is false
    When the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may report connector 1 as Preparing
    And it comes back without a boot
    And it sends no StartTransaction for 1500 milliseconds

  Scenario: An unknown tag starts nothing offline
    Given the setting LocalAuthorizeOffline is true
    And the setting AllowOfflineTxForUnknownId is false where there is one
    When the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the unknown tag at connector 1
    Then it may report connector 1 as Preparing
    And it comes back without a boot
    And it sends no StartTransaction for 1500 milliseconds

  @auth-cache
  Scenario: A tag that was refused since starts nothing offline
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is false
    And the setting LocalAuthorizeOffline is true
    And the setting AllowOfflineTxForUnknownId is false where there is one
    And the known tag is in the authorization cache
    And the CSMS answers the next Authorize with Blocked
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it sends no StartTransaction for 1 second
    When the charge point loses its connection for 4 seconds
    And the driver presents the known tag at connector 1
    Then it comes back without a boot
    And it sends no StartTransaction for 1500 milliseconds

  @recommended @auth-cache
  Scenario: A tag whose time in the cache is over starts nothing offline
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalAuthorizeOffline is true
    And the setting AllowOfflineTxForUnknownId is false where there is one
    And the CSMS accepts the known tag for 8 seconds
    And the known tag is in the authorization cache
    When 9 seconds have gone by since the CSMS said so
    And the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may report connector 1 as Preparing
    And it comes back without a boot
    And it sends no StartTransaction for 1500 milliseconds

  @recommended @local-stop @auth-cache
  Scenario: A tag that was refused at a stop starts nothing offline
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is false
    And the setting LocalAuthorizeOffline is true
    And the setting AllowOfflineTxForUnknownId is false where there is one
    And a session with the known tag runs on connector 1
    And the CSMS answers the next StopTransaction with Blocked
    When the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available
    When the charge point loses its connection for 4 seconds
    And the driver plugs in at connector 1
    And the driver presents the known tag at connector 1
    Then it may report connector 1 as Preparing
    And it comes back without a boot
    And it sends no StartTransaction for 1500 milliseconds
