@ocpp16 @core @charge-point @remote-start
Feature: A session is started by the CSMS
  A remote start is accepted where a session can begin, refused where it cannot, and authorized if the charge point
  is set so.

  Background:
    Given a charge point that is booted and idle

  @TC_010_CS
  Scenario: Cable first, then the remote start
    When the CSMS sends GetConfiguration
      | key | ["AuthorizeRemoteTxRequests"] |
    Then it answers with a value of AuthorizeRemoteTxRequests
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it asks about the known tag if AuthorizeRemoteTxRequests is true
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  Scenario: A remote start without authorization goes straight ahead
    Given the setting AuthorizeRemoteTxRequests is false
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And it has sent no Authorize since the remote start

  @TC_011_1_CS
  Scenario: The remote start first, then the cable
    When the CSMS sends GetConfiguration
      | key | ["AuthorizeRemoteTxRequests"] |
    Then it answers with a value of AuthorizeRemoteTxRequests
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it asks about the known tag if AuthorizeRemoteTxRequests is true
    And before or after that, it reports connector 1 as Preparing
    When the driver plugs in at connector 1
    Then it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @TC_011_2_CS
  Scenario: A remote start without a cable lapses
    Given the setting ConnectionTimeOut is 2
    When the CSMS sends GetConfiguration
      | key | ["AuthorizeRemoteTxRequests"] |
    Then it answers with a value of AuthorizeRemoteTxRequests
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it asks about the known tag if AuthorizeRemoteTxRequests is true
    And before or after that, it reports connector 1 as Preparing
    And it sends no StartTransaction for 1 second
    And it reports connector 1 as Available, 2 seconds after it reported Preparing
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    And it may report connector 1 as Finishing
    And it may report connector 1 as Available
    And it sends no StartTransaction for 1500 milliseconds

  @TC_007_2_CS @auth-cache
  Scenario: A remote start with a tag in the cache asks nothing
    Given the setting AuthorizationCacheEnabled is true
    And the setting LocalPreAuthorize is true
    And the setting AuthorizeRemoteTxRequests is true
    And the known tag is in the authorization cache
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    And it has sent no Authorize since the remote start

  @TC_023_5_CS
  Scenario: A remote start with an unknown tag ends with the question
    Given the setting AuthorizeRemoteTxRequests is true
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag       | the unknown tag |
      | connectorId | 1               |
    Then it answers Accepted
    And it asks about the unknown tag
    And it sends no StartTransaction for 1500 milliseconds

  Scenario: A remote start follows one whose tag was refused
    Given the setting AuthorizeRemoteTxRequests is true
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag       | the unknown tag |
      | connectorId | 1               |
    Then it answers Accepted
    And it asks about the unknown tag
    And it sends no StartTransaction for 1 second
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it may ask about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging

  @TC_024_CS @detachable-cable
  Scenario: No session begins when the lock of the connector fails
    When the CSMS sends GetConfiguration
      | key | ["AuthorizeRemoteTxRequests"] |
    Then it answers with a value of AuthorizeRemoteTxRequests
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 1             |
    Then it answers Accepted
    And it asks about the known tag if AuthorizeRemoteTxRequests is true
    And before or after that, it reports connector 1 as Preparing
    When the lock of connector 1 jams and the driver plugs in there
    Then it reports connector 1 as Faulted with ConnectorLockFailure
    And it may report any connector as Faulted
    And it sends no StartTransaction for 1500 milliseconds

  @TC_026_CS
  Scenario Outline: A busy connector takes no remote start
    Given a session with the known tag runs on connector 1
    When the CSMS sends RemoteStartTransaction
      | idTag       | <tag> |
      | connectorId | 1     |
    Then it answers Rejected
    And it sends no StartTransaction for 1 second
    When the CSMS sends RemoteStopTransaction
      | transactionId | the transaction |
    Then it answers Accepted
    And it stops the transaction because of Remote
    And before or after that, it reports connector 1 as Finishing

    Examples:
      | tag           |
      | another tag   |
      | the known tag |

  @TC_027_CS
  Scenario: Connector 0 takes no remote start
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag |
      | connectorId | 0             |
    Then it answers Rejected or with an error
    And it sends no StartTransaction for 1 second

  Scenario: A connector that is not there takes no remote start
    When the CSMS sends RemoteStartTransaction
      | idTag       | the known tag                 |
      | connectorId | a connector that is not there |
    Then it answers Rejected or with an error
    And it sends no StartTransaction for 1 second

  @recommended
  Scenario: A remote start may carry a charging profile
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the CSMS sends RemoteStartTransaction
      | idTag           | the known tag |
      | connectorId     | 1             |
      | chargingProfile | {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative"} |
      | chargingProfile/chargingSchedule | a charging schedule in its unit |
    Then it answers Accepted
    And it may ask about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
